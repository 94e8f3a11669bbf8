/* Keys, signatures and the chain, also against openssl and b2sum. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "feeds/sign.h"
#include "sample_alert.h"

static char dir[] = "/tmp/damp-sign-XXXXXX";

static int
setup(void **state)
{
	(void)state;
	return mkdtemp(dir) != NULL && sign_init() == 0 ? 0 : -1;
}

static int run(const char *format, ...) __attribute__((format(printf, 1, 2)));

static int
run(const char *format, ...)
{
	char command[2000];
	va_list ap;

	va_start(ap, format);
	vsnprintf(command, sizeof(command), format, ap);
	va_end(ap);
	return system(command);
}

static int
teardown(void **state)
{
	(void)state;
	return run("rm -rf %s", dir);
}

static const char *
in_dir(const char *name)
{
	static char path[8][200];
	static unsigned int i;

	i = (i + 1) % 8;
	snprintf(path[i], sizeof(path[i]), "%s/%s", dir, name);
	return path[i];
}

static void
write_file(const char *path, const char *text, mode_t mode)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	chmod(path, mode);
}

static void
sign_sample(struct signer *s, struct chain *c, struct buf *b, uint64_t n)
{
	struct alert a = sample_alert(n);
	struct line_extra x;

	memset(&x, 0, sizeof(x));
	buf_reset(b);
	assert_int_equal(line_render(b, &a, &x), 0);
	assert_int_equal(sign_line(s, c, b), 0);
}

/* RFC 8032 section 7.1, test 1. */
static void
test_known_key(void **state)
{
	static const char seed_hex[] = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
	static const char pub_hex[] = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
	uint8_t seed[32], pub[32];
	struct signer *s;
	char why[200];

	(void)state;
	sodium_hex2bin(seed, 32, seed_hex, 64, NULL, NULL, NULL);
	sodium_hex2bin(pub, 32, pub_hex, 64, NULL, NULL, NULL);
	s = signer_from_seed(seed, why, sizeof(why));
	assert_non_null(s);
	assert_memory_equal(signer_pub(s)->key, pub, 32);
	/* as b2sum -l 256 says of the 32 bytes */
	assert_string_equal(signer_pub(s)->kid, "7849ac3049680be1");
	signer_free(s);
}

static void
test_keygen(void **state)
{
	struct sign_pub pub, read;
	struct signer *s;
	struct stat st;
	char why[300];

	(void)state;
	umask(077);
	assert_int_equal(sign_keygen(in_dir("k"), &pub, why, sizeof(why)), 0);
	umask(022);
	assert_int_equal(stat(in_dir("k.key"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat(in_dir("k.pub"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	s = signer_read(in_dir("k.key"), why, sizeof(why));
	assert_non_null(s);
	assert_memory_equal(signer_pub(s), &pub, sizeof(pub));
	assert_int_equal(sign_pub_read(in_dir("k.pub"), &read, why, sizeof(why)), 0);
	assert_memory_equal(&read, &pub, sizeof(pub));
	assert_int_equal(sign_pub_read(in_dir("k.key"), &read, why, sizeof(why)), 0);
	assert_memory_equal(&read, &pub, sizeof(pub));
	signer_free(s);
	/* never over an existing key, and no half pair when only the public half is in the way */
	assert_int_equal(sign_keygen(in_dir("k"), &pub, why, sizeof(why)), ERR_IO);
	assert_non_null(strstr(why, "never overwritten"));
	write_file(in_dir("half.pub"), "x", 0644);
	assert_int_equal(sign_keygen(in_dir("half"), &pub, why, sizeof(why)), ERR_IO);
	assert_int_not_equal(access(in_dir("half.key"), F_OK), 0);
	assert_int_equal(sign_keygen(in_dir("no/such/place"), &pub, why, sizeof(why)), ERR_IO);
}

static void
test_openssl_reads_and_writes_keys(void **state)
{
	struct sign_pub pub, derived;
	struct signer *s;
	char why[300];

	(void)state;
	assert_int_equal(sign_keygen(in_dir("o"), &pub, why, sizeof(why)), 0);
	assert_int_equal(run("openssl pkey -in %s/o.key -pubout | cmp - %s/o.pub", dir, dir), 0);
	assert_int_equal(run("umask 077; openssl genpkey -algorithm ed25519 -out %s/ossl.key 2>/dev/null && "
	                     "openssl pkey -in %s/ossl.key -pubout -out %s/ossl.pub", dir, dir, dir), 0);
	s = signer_read(in_dir("ossl.key"), why, sizeof(why));
	assert_non_null(s);
	assert_int_equal(sign_pub_read(in_dir("ossl.pub"), &derived, why, sizeof(why)), 0);
	assert_memory_equal(signer_pub(s), &derived, sizeof(derived));
	signer_free(s);
}

static void
test_bad_key_files(void **state)
{
	static const struct {
		const char *text;
		mode_t mode;
		const char *says;
	} t[] = {
		{"", 0600, "no PEM"},
		{"hello\n", 0600, "no PEM"},
		{"-----BEGIN PRIVATE KEY-----\nMC4CAQA", 0600, "damaged"},
		{"-----BEGIN PRIVATE KEY-----\nMC4CAQAw\n-----END PRIVATE KEY-----\n", 0600, "damaged"},
		{"-----BEGIN PRIVATE KEY-----\n!!!!\n-----END PRIVATE KEY-----\n", 0600, "damaged"},
		{"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMC4C\n-----END ENCRYPTED PRIVATE KEY-----\n", 0600, "passphrase"},
		{"-----BEGIN PUBLIC KEY-----\nMC4C\n-----END PUBLIC KEY-----\n", 0600, "public key"},
		{"-----BEGIN PRIVATE KEY-----\n", 0640, "chmod 600"},
		{"-----BEGIN PRIVATE KEY-----\n", 0604, "chmod 600"},
	};
	struct sign_pub pub;
	char why[300];

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		write_file(in_dir("bad.key"), t[i].text, t[i].mode);
		assert_null(signer_read(in_dir("bad.key"), why, sizeof(why)));
		if (strstr(why, t[i].says) == NULL)
			fail_msg("%zu: %s", i, why);
	}
	assert_null(signer_read(in_dir("absent.key"), why, sizeof(why)));
	assert_non_null(strstr(why, "No such file"));
	assert_null(signer_read(dir, why, sizeof(why)));
	assert_null(signer_read("/dev/zero", why, sizeof(why)));
	assert_true(sign_pub_read(in_dir("bad.key"), &pub, why, sizeof(why)) < 0);
	assert_int_equal(run("openssl genpkey -algorithm ed448 -out %s/other.key 2>/dev/null && "
	                     "openssl pkey -in %s/other.key -pubout -out %s/other.pub", dir, dir, dir), 0);
	assert_int_equal(sign_pub_read(in_dir("other.pub"), &pub, why, sizeof(why)), ERR_MALFORMED);
}

static void
test_ephemeral_keys_differ(void **state)
{
	char why[200];
	struct signer *a = signer_ephemeral(why, sizeof(why)), *b = signer_ephemeral(why, sizeof(why));

	(void)state;
	assert_non_null(a);
	assert_non_null(b);
	assert_memory_not_equal(signer_pub(a)->key, signer_pub(b)->key, 32);
	signer_free(a);
	signer_free(b);
}

/* What the alert line's description promises to people without damp. */
static void
test_common_tools_agree(void **state)
{
	struct sign_pub pub;
	struct signer *s;
	struct chain c;
	struct buf b;
	char why[300];
	FILE *f;

	(void)state;
	assert_int_equal(sign_keygen(in_dir("t"), &pub, why, sizeof(why)), 0);
	s = signer_read(in_dir("t.key"), why, sizeof(why));
	assert_non_null(s);
	chain_init(&c);
	buf_init(&b, LINE_MAX_BYTES);
	f = fopen(in_dir("lines"), "w");
	assert_non_null(f);
	for (uint64_t i = 0; i < 3; i++) {
		sign_sample(s, &c, &b, i);
		fprintf(f, "%s\n", b.p);
	}
	fclose(f);
	for (int i = 1; i <= 3; i++) {
		assert_int_equal(run("cd %s && sed -n %dp lines | tr -d '\\n' >line && "
		                     "sed 's/,\"sig\":\"[^\"]*\"//' line >message && "
		                     "sed 's/.*,\"sig\":\"\\([^\"]*\\)\".*/\\1/' line | base64 -d >sig && "
		                     "openssl pkeyutl -verify -pubin -inkey t.pub -rawin -in message -sigfile sig >/dev/null",
		                     dir, i), 0);
		if (i > 1)
			assert_int_equal(run("cd %s && grep -q '\"prev\":\"'$(sed -n %dp lines | tr -d '\\n' | b2sum -l 256 | "
			                     "cut -d' ' -f1)'\"' line", dir, i - 1), 0);
	}
	assert_int_equal(run("cd %s && openssl pkey -pubin -in t.pub -outform DER | tail -c 32 | b2sum -l 256 | cut -c1-16 | "
	                     "grep -q %s", dir, pub.kid), 0);
	buf_done(&b);
	signer_free(s);
}

static void
test_full_line_leaves_the_chain(void **state)
{
	char why[200];
	struct signer *s = signer_ephemeral(why, sizeof(why));
	struct chain c;
	struct buf b;

	(void)state;
	chain_init(&c);
	buf_init(&b, 200);
	buf_str(&b, "{\"damp\":{\"a\":1");
	assert_int_equal(sign_line(s, &c, &b), ERR_FULL);
	assert_int_equal(c.seq, 0);
	assert_int_equal(strspn(c.prev, "0"), 64);
	buf_done(&b);
	signer_free(s);
}

static void
test_resume(void **state)
{
	char why[300];
	struct signer *s = signer_ephemeral(why, sizeof(why));
	struct chain c, back;
	struct buf b;
	uint64_t complete;
	off_t two_lines;
	int fd = open(in_dir("resume"), O_RDWR | O_CREAT | O_APPEND, 0600);

	(void)state;
	chain_init(&c);
	buf_init(&b, LINE_MAX_BYTES);
	assert_int_equal(chain_resume(&back, fd, &complete, why, sizeof(why)), 0);
	assert_int_equal(back.seq, 0);
	for (uint64_t i = 0; i < 2; i++) {
		sign_sample(s, &c, &b, i);
		buf_char(&b, '\n');
		assert_int_equal(write(fd, b.p, b.len), b.len);
	}
	two_lines = lseek(fd, 0, SEEK_END);
	assert_int_equal(chain_resume(&back, fd, &complete, why, sizeof(why)), 0);
	assert_int_equal(back.seq, 2);
	assert_string_equal(back.prev, c.prev);
	assert_int_equal(complete, two_lines);
	/* a crash in the middle of the third */
	assert_int_equal(write(fd, b.p, 300), 300);
	assert_int_equal(chain_resume(&back, fd, &complete, why, sizeof(why)), 0);
	assert_int_equal(back.seq, 2);
	assert_int_equal(complete, two_lines);
	/* a file that is something else */
	assert_int_equal(write(fd, "\nroot:x:0:0\n", 12), 12);
	assert_int_equal(chain_resume(&back, fd, &complete, why, sizeof(why)), ERR_MALFORMED);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(write(fd, "precious", 8), 8);
	assert_int_equal(chain_resume(&back, fd, &complete, why, sizeof(why)), ERR_MALFORMED);
	/* half of a first line is ours */
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(write(fd, b.p, 100), 100);
	assert_int_equal(chain_resume(&back, fd, &complete, why, sizeof(why)), 0);
	assert_int_equal(complete, 0);
	close(fd);
	buf_done(&b);
	signer_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_key), cmocka_unit_test(test_keygen),
		cmocka_unit_test(test_openssl_reads_and_writes_keys), cmocka_unit_test(test_bad_key_files),
		cmocka_unit_test(test_ephemeral_keys_differ), cmocka_unit_test(test_common_tools_agree),
		cmocka_unit_test(test_full_line_leaves_the_chain), cmocka_unit_test(test_resume),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
