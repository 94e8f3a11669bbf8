/* Runs a fuzz target over the files of the folders named, once each: the seeds in `make check`. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
run_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data;
	size_t n;

	if (f == NULL)
		return -1;
	data = malloc(1 << 22);
	n = data != NULL ? fread(data, 1, 1 << 22, f) : 0;
	fclose(f);
	if (data != NULL) {
		/* an exact-size copy, so that the sanitizer sees every byte past the end */
		uint8_t *exact = malloc(n > 0 ? n : 1);

		if (exact != NULL) {
			memcpy(exact, data, n);
			LLVMFuzzerTestOneInput(exact, n);
			free(exact);
		}
	}
	free(data);
	return 0;
}

int
main(int argc, char **argv)
{
	int runs = 0;

	for (int i = 1; i < argc; i++) {
		struct dirent **list;
		int n = scandir(argv[i], &list, NULL, alphasort);

		for (int k = 0; k < n; k++) {
			char path[4096];

			snprintf(path, sizeof(path), "%s/%s", argv[i], list[k]->d_name);
			if (list[k]->d_name[0] != '.' && run_file(path) == 0)
				runs++;
			free(list[k]);
		}
		if (n >= 0)
			free(list);
	}
	printf("%s %d seeds\n", runs > 0 ? "ok" : "not ok", runs);
	return runs > 0 ? 0 : 1;
}
