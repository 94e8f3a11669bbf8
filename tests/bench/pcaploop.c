/* The yardstick of the benchmark: what libpcap alone costs.  Counts packets and bytes of a capture with
 * pcap_next_ex and prints them. */
#include <inttypes.h>
#include <pcap/pcap.h>
#include <stdio.h>

int
main(int argc, char **argv)
{
	char why[PCAP_ERRBUF_SIZE] = "";
	pcap_t *p = argc == 2 ? pcap_open_offline(argv[1], why) : NULL;
	struct pcap_pkthdr *h;
	const u_char *bytes;
	uint64_t n = 0, sum = 0;
	int got;

	if (p == NULL) {
		fprintf(stderr, "usage: pcaploop FILE %s\n", why);
		return 2;
	}
	while ((got = pcap_next_ex(p, &h, &bytes)) == 1) {
		n++;
		sum += h->len;
	}
	printf("%" PRIu64 " packets, %" PRIu64 " bytes\n", n, sum);
	pcap_close(p);
	return got == PCAP_ERROR_BREAK ? 0 : 1;
}
