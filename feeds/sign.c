/* Keys, signatures and the chain.  The DER around an Ed25519 key is constant for both halves (RFC
 * 8410 sections 4 and 7), so reading one is comparing a prefix. */
#include "feeds/sign.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cursor.h"
#include "base/err.h"

enum { SEED = 32, SECRET = 64, FILE_MAX = 8192 };

/* SEQUENCE { INTEGER 0, SEQUENCE { OID 1.3.101.112 }, OCTET STRING { OCTET STRING (32) } } */
static const uint8_t private_der[16] = {0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06,
                                        0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20};
/* SEQUENCE { SEQUENCE { OID 1.3.101.112 }, BIT STRING (32 bytes) } */
static const uint8_t public_der[12] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};

struct signer {
	struct sign_pub pub;
	uint8_t *secret; /* sodium_malloc: seed and public key as libsodium wants them */
	bool locked;
};

int
sign_init(void)
{
	return sodium_init() < 0 ? ERR_UNSUPPORTED : 0;
}

static void
pub_from(struct sign_pub *pub, const uint8_t key[32])
{
	uint8_t hash[32];

	memcpy(pub->key, key, sizeof(pub->key));
	crypto_generichash(hash, sizeof(hash), pub->key, sizeof(pub->key), NULL, 0);
	sodium_bin2hex(pub->kid, sizeof(pub->kid), hash, TAIL_KID_HEX / 2);
}

static struct signer *
signer_new(char *why, size_t why_size)
{
	struct signer *s = calloc(1, sizeof(*s));

	if (s != NULL)
		s->secret = sodium_malloc(SECRET);
	if (s == NULL || s->secret == NULL) {
		snprintf(why, why_size, "out of memory for the signing key");
		free(s);
		return NULL;
	}
	/* sodium_malloc has tried it too, but does not say whether it went well */
	s->locked = sodium_mlock(s->secret, SECRET) == 0;
	return s;
}

static struct signer *
signer_ready(struct signer *s, const uint8_t *seed)
{
	uint8_t pub[32];

	crypto_sign_seed_keypair(pub, s->secret, seed);
	pub_from(&s->pub, pub);
	sodium_mprotect_noaccess(s->secret);
	return s;
}

struct signer *
signer_from_seed(const uint8_t seed[32], char *why, size_t why_size)
{
	struct signer *s = signer_new(why, why_size);

	return s != NULL ? signer_ready(s, seed) : NULL;
}

struct signer *
signer_ephemeral(char *why, size_t why_size)
{
	struct signer *s = signer_new(why, why_size);
	uint8_t *seed = sodium_malloc(SEED);

	if (s == NULL || seed == NULL) {
		if (s != NULL)
			snprintf(why, why_size, "out of memory for the signing key");
		sodium_free(seed);
		signer_free(s);
		return NULL;
	}
	randombytes_buf(seed, SEED);
	signer_ready(s, seed);
	sodium_free(seed);
	return s;
}

void
signer_free(struct signer *s)
{
	if (s == NULL)
		return;
	sodium_free(s->secret); /* wipes */
	free(s);
}

const struct sign_pub *
signer_pub(const struct signer *s)
{
	return &s->pub;
}

bool
signer_locked(const struct signer *s)
{
	return s->locked;
}

/* A whole small file in guarded memory, NUL-terminated; NULL and the reason.  With `secret`, its
 * mode must keep others out. */
static char *
read_small(const char *path, bool secret, char *why, size_t why_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct stat st;
	char *text = NULL;
	size_t n = 0;
	ssize_t got;

	if (fd < 0 || fstat(fd, &st) < 0) {
		snprintf(why, why_size, "%s: %s", path, strerror(errno));
		goto out;
	}
	if (!S_ISREG(st.st_mode) || st.st_size >= FILE_MAX) {
		snprintf(why, why_size, "%s: not a key file (a key is a file of a few hundred bytes)", path);
		goto out;
	}
	if (secret && (st.st_mode & 077) != 0) {
		snprintf(why, why_size, "%s: mode %04o lets others read the private key; try: chmod 600 %s", path,
		         (unsigned int)(st.st_mode & 07777), path);
		goto out;
	}
	text = sodium_malloc(FILE_MAX);
	if (text == NULL) {
		snprintf(why, why_size, "%s: out of memory", path);
		goto out;
	}
	while (n < FILE_MAX - 1 && (got = read(fd, text + n, FILE_MAX - 1 - n)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			snprintf(why, why_size, "%s: %s", path, strerror(errno));
			sodium_free(text);
			text = NULL;
			goto out;
		}
		n += (size_t)got;
	}
	text[n] = '\0';
out:
	if (fd >= 0)
		close(fd);
	return text;
}

/* The DER of the PEM block `label` in `text` (RFC 7468): its length, 0 when there is no such block,
 * or ERR_MALFORMED. */
static int
pem_decode(const char *text, const char *label, uint8_t *der, size_t der_size)
{
	char mark[64];
	const char *from, *to;
	size_t n;

	snprintf(mark, sizeof(mark), "-----BEGIN %s-----", label);
	from = strstr(text, mark);
	if (from == NULL)
		return 0;
	from += strlen(mark);
	snprintf(mark, sizeof(mark), "-----END %s-----", label);
	to = strstr(from, mark);
	if (to == NULL || sodium_base642bin(der, der_size, from, (size_t)(to - from), " \t\r\n", &n, NULL,
	                                    sodium_base64_VARIANT_ORIGINAL) != 0)
		return ERR_MALFORMED;
	return (int)n;
}

/* The 32 bytes behind a constant DER head, or NULL. */
static const uint8_t *
der_key(const uint8_t *der, int n, const uint8_t *head, size_t head_n)
{
	struct cursor c = cursor_view(der, n > 0 ? (size_t)n : 0);
	const uint8_t *p = cursor_take(&c, head_n);

	if (p == NULL || memcmp(p, head, head_n) != 0 || cursor_left(&c) != SEED)
		return NULL;
	return cursor_take(&c, SEED);
}

static void
explain_private(const char *path, const char *text, char *why, size_t why_size)
{
	if (strstr(text, "BEGIN ENCRYPTED PRIVATE KEY") != NULL)
		snprintf(why, why_size, "%s: encrypted with a passphrase, which an unattended program cannot ask for; "
		         "try: openssl pkey -in %s -out NEW.key", path, path);
	else if (strstr(text, "BEGIN PUBLIC KEY") != NULL)
		snprintf(why, why_size, "%s: a public key; signing needs the private one (PREFIX.key)", path);
	else if (strstr(text, "BEGIN PRIVATE KEY") != NULL)
		snprintf(why, why_size, "%s: a private key, but damaged or not Ed25519; damp keygen makes one", path);
	else
		snprintf(why, why_size, "%s: no PEM private key in it; damp keygen makes one", path);
}

struct signer *
signer_read(const char *path, char *why, size_t why_size)
{
	char *text = read_small(path, true, why, why_size);
	uint8_t *der = NULL;
	const uint8_t *seed;
	struct signer *s = NULL;

	if (text == NULL)
		return NULL;
	der = sodium_malloc(FILE_MAX);
	if (der == NULL) {
		snprintf(why, why_size, "%s: out of memory", path);
		goto out;
	}
	seed = der_key(der, pem_decode(text, "PRIVATE KEY", der, FILE_MAX), private_der, sizeof(private_der));
	if (seed != NULL)
		s = signer_from_seed(seed, why, why_size);
	else
		explain_private(path, text, why, why_size);
out:
	sodium_free(der);
	sodium_free(text);
	return s;
}

int
sign_pub_read(const char *path, struct sign_pub *pub, char *why, size_t why_size)
{
	char *text = read_small(path, false, why, why_size);
	uint8_t der[FILE_MAX];
	const uint8_t *key;
	int n;

	if (text == NULL)
		return ERR_IO;
	if (strstr(text, "BEGIN PRIVATE KEY") != NULL) {
		struct signer *s;

		sodium_free(text);
		s = signer_read(path, why, why_size);
		if (s == NULL)
			return ERR_MALFORMED;
		*pub = s->pub;
		signer_free(s);
		return 0;
	}
	n = pem_decode(text, "PUBLIC KEY", der, sizeof(der));
	sodium_free(text);
	key = der_key(der, n, public_der, sizeof(public_der));
	if (key == NULL) {
		snprintf(why, why_size, "%s: %s", path,
		         n == 0 ? "no PEM public key in it" : "a public key, but damaged or not Ed25519");
		return n == 0 ? ERR_UNSUPPORTED : ERR_MALFORMED;
	}
	pub_from(pub, key);
	return 0;
}

/* One 64-column line is enough for both: 48 bytes of DER at most. */
static void
pem_encode(const char *label, const uint8_t *head, size_t head_n, const uint8_t *key, char *out, size_t out_size)
{
	uint8_t der[48];
	char base64[80];

	memcpy(der, head, head_n);
	memcpy(der + head_n, key, SEED);
	sodium_bin2base64(base64, sizeof(base64), der, head_n + SEED, sodium_base64_VARIANT_ORIGINAL);
	snprintf(out, out_size, "-----BEGIN %s-----\n%s\n-----END %s-----\n", label, base64, label);
	sodium_memzero(der, sizeof(der));
	sodium_memzero(base64, sizeof(base64));
}

/* A new file with exactly this text, or nothing. */
static int
write_new(const char *path, mode_t mode, const char *text, char *why, size_t why_size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	size_t n = strlen(text), done = 0;

	if (fd < 0) {
		snprintf(why, why_size, "%s: %s", path,
		         errno == EEXIST ? "there already; a key is never overwritten" : strerror(errno));
		return ERR_IO;
	}
	while (done < n) {
		ssize_t put = write(fd, text + done, n - done);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			break;
		done += (size_t)put;
	}
	/* fchmod because the umask may have taken bits that the public half needs */
	if (done < n || fchmod(fd, mode) < 0 || fsync(fd) < 0) {
		snprintf(why, why_size, "%s: %s", path, strerror(errno));
		close(fd);
		unlink(path);
		return ERR_IO;
	}
	close(fd);
	return 0;
}

int
sign_keygen(const char *prefix, struct sign_pub *pub, char *why, size_t why_size)
{
	struct signer *s = signer_ephemeral(why, why_size);
	char *text = sodium_malloc(512), path[4096];
	int r = ERR_IO;

	if (s == NULL || text == NULL)
		goto out;
	if (strlen(prefix) > sizeof(path) - 8 || prefix[0] == '\0') {
		snprintf(why, why_size, "the prefix of the key files is %s", prefix[0] == '\0' ? "empty" : "too long");
		goto out;
	}
	snprintf(path, sizeof(path), "%s.key", prefix);
	sodium_mprotect_readonly(s->secret);
	pem_encode("PRIVATE KEY", private_der, sizeof(private_der), s->secret, text, 512);
	sodium_mprotect_noaccess(s->secret);
	r = write_new(path, 0600, text, why, why_size);
	if (r < 0)
		goto out;
	pem_encode("PUBLIC KEY", public_der, sizeof(public_der), s->pub.key, text, 512);
	snprintf(path, sizeof(path), "%s.pub", prefix);
	r = write_new(path, 0644, text, why, why_size);
	if (r < 0) {
		snprintf(path, sizeof(path), "%s.key", prefix);
		unlink(path);
		goto out;
	}
	*pub = s->pub;
out:
	sodium_free(text);
	signer_free(s);
	return r;
}

int
sign_line(struct signer *s, struct chain *c, struct buf *line)
{
	uint8_t sig[TAIL_SIG_BYTES];
	char base64[TAIL_SIG_BASE64 + 1];

	buf_printf(line, ",\"seq\":%" PRIu64 ",\"prev\":\"%s\",\"kid\":\"%s\"}}", c->seq + 1, c->prev, s->pub.kid);
	if (line->full)
		return ERR_FULL;
	sodium_mprotect_readonly(s->secret);
	crypto_sign_detached(sig, NULL, (const uint8_t *)line->p, line->len, s->secret);
	sodium_mprotect_noaccess(s->secret);
	sodium_bin2base64(base64, sizeof(base64), sig, sizeof(sig), sodium_base64_VARIANT_ORIGINAL);
	line->len--; /* the signature goes in front of the last bracket */
	buf_printf(line, ",\"sig\":\"%s\"}", base64);
	if (line->full)
		return ERR_FULL;
	c->seq++;
	chain_hash(line->p, line->len, c->prev);
	return 0;
}
