/* Compressed blocks of nfcapd files, each decompressed as a whole.  Their plain size is not told; SOURCE_RECORD_MAX bounds it. */
#include "collector/nfcapd.h"

#ifdef HAVE_LZO
#include <lzo/lzo1x.h>
#endif
#ifdef HAVE_LZ4
#include <lz4.h>
#endif
#ifdef HAVE_BZ2
#include <bzlib.h>
#endif
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif

bool
nfcapd_can_unpack(enum nfcapd_packing p, const char **name)
{
	static const char *const names[] = {"no compression", "LZO", "bzip2", "LZ4", "zstd"};

	*name = names[p];
	switch (p) {
	case NFCAPD_PLAIN: return true;
#ifdef HAVE_LZO
	case NFCAPD_LZO: return lzo_init() == LZO_E_OK;
#endif
#ifdef HAVE_BZ2
	case NFCAPD_BZ2: return true;
#endif
#ifdef HAVE_LZ4
	case NFCAPD_LZ4: return true;
#endif
#ifdef HAVE_ZSTD
	case NFCAPD_ZSTD: return true;
#endif
	default: return false;
	}
}

#ifdef HAVE_LZO
static size_t
unpack_lzo(struct nfcapd *f)
{
	lzo_uint n = SOURCE_RECORD_MAX;

	return lzo1x_decompress_safe(f->packed, f->packed_n, f->plain, &n, NULL) == LZO_E_OK ? n : 0;
}
#endif

#ifdef HAVE_BZ2
static size_t
unpack_bz2(struct nfcapd *f)
{
	unsigned int n = SOURCE_RECORD_MAX;

	return BZ2_bzBuffToBuffDecompress((char *)f->plain, &n, (char *)f->packed, (unsigned int)f->packed_n, 0, 0) == BZ_OK ? n : 0;
}
#endif

#ifdef HAVE_LZ4
static size_t
unpack_lz4(struct nfcapd *f)
{
	int n = LZ4_decompress_safe((const char *)f->packed, (char *)f->plain, (int)f->packed_n, SOURCE_RECORD_MAX);

	return n > 0 ? (size_t)n : 0;
}
#endif

#ifdef HAVE_ZSTD
static size_t
unpack_zstd(struct nfcapd *f)
{
	size_t n = ZSTD_decompress(f->plain, SOURCE_RECORD_MAX, f->packed, f->packed_n);

	return ZSTD_isError(n) ? 0 : n;
}
#endif

size_t
nfcapd_unpack(struct nfcapd *f)
{
	switch (f->packing) {
#ifdef HAVE_LZO
	case NFCAPD_LZO: return unpack_lzo(f);
#endif
#ifdef HAVE_BZ2
	case NFCAPD_BZ2: return unpack_bz2(f);
#endif
#ifdef HAVE_LZ4
	case NFCAPD_LZ4: return unpack_lz4(f);
#endif
#ifdef HAVE_ZSTD
	case NFCAPD_ZSTD: return unpack_zstd(f);
#endif
	default: return 0;
	}
}
