/* Signing alert lines: Ed25519 (RFC 8032) through libsodium, keys as files that openssl reads.
 *
 * A private key lives in one sodium_malloc'ed page: guarded on both sides, locked into memory where
 * the system allows it (see `locked`), readable only while a line is signed, wiped when freed.  The text
 * it was read from passes through such memory too.
 *
 * sign_init must have succeeded once before anything else here is called.  A signer may be used by
 * one thread at a time; keys that only verify are plain values.
 */
#ifndef FEEDS_SIGN_H
#define FEEDS_SIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "feeds/tail.h"

/* The public half, and what lines call it. */
struct sign_pub {
	uint8_t key[32];
	char kid[TAIL_KID_HEX + 1]; /* first 16 hex digits of the BLAKE2b-256 of `key` */
};

struct signer; /* owns the private half */

/* Makes libsodium ready; 0 or ERR_UNSUPPORTED.  May be called again. */
int sign_init(void);

/* Writes PREFIX.key (PKCS#8, RFC 8410, mode 0600) and PREFIX.pub (SubjectPublicKeyInfo), both PEM.
 * Neither may exist before.  0, or ERR_IO with a reason; no half pair stays behind. */
int sign_keygen(const char *prefix, struct sign_pub *pub, char *why, size_t why_size);

/* A private key from its file, or NULL and the reason.  A key that group or others can read is
 * refused: it may already be somebody else's. */
struct signer *signer_read(const char *path, char *why, size_t why_size);
/* A key for this run only. */
struct signer *signer_ephemeral(char *why, size_t why_size);
/* From a given seed of 32 bytes (RFC 8032 5.1.5), for reproducible tests. */
struct signer *signer_from_seed(const uint8_t seed[32], char *why, size_t why_size);
void signer_free(struct signer *s);
const struct sign_pub *signer_pub(const struct signer *s);
/* False when the system refused to lock the page (RLIMIT_MEMLOCK): it could reach swap. */
bool signer_locked(const struct signer *s);

/* A public key from a .pub file; a .key file is accepted too and only its public half kept.
 * 0, or ERR_IO, ERR_MALFORMED, ERR_UNSUPPORTED with a reason. */
int sign_pub_read(const char *path, struct sign_pub *pub, char *why, size_t why_size);

/* Where a stream of lines stands. */
struct chain {
	uint64_t seq;                 /* number of the last line; 0: none yet */
	char prev[TAIL_HASH_HEX + 1]; /* its BLAKE2b-256, lower-case hex; 64 zeros when there is none */
};

void chain_init(struct chain *c);
/* The hash that the next line carries as `prev`. */
void chain_hash(const char *line, size_t n, char hex[TAIL_HASH_HEX + 1]);

/* Finishes a line from line_render: seq, prev, kid, both brackets and sig, and moves the chain on.
 * No newline is added.  0, or ERR_FULL; the chain then stays where it was. */
int sign_line(struct signer *s, struct chain *c, struct buf *line);

/* Where an existing file's stream stands, read from its end (at most LINE_MAX_BYTES + 1 bytes).
 * *complete_bytes is the file's size without a last line that was cut off; 0 and an initial chain
 * for an empty file.  ERR_MALFORMED with a reason when it does not end in an alert line. */
int chain_resume(struct chain *c, int fd, uint64_t *complete_bytes, char *why, size_t why_size);

#endif
