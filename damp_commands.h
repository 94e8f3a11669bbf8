/* Between damp.c (commands), damp_options.c and the files that carry them out. */
#ifndef DAMP_COMMANDS_H
#define DAMP_COMMANDS_H

#include <stdbool.h>

/* Whose options. */
enum {
	USE_TRAFFIC = 1, USE_RUN = 2, USE_RULES = 4, USE_VERIFY = 8, USE_KEYGEN = 16, USE_ALL = 32, USE_FLOWS = 64,
	USE_PROBE = 128, USE_REPORT = 256, USE_MEMORY = 512, USE_DIFF = 1024,
	USE_OUTPUTS = 2048, USE_WHY = 4096,
};

/* --- damp_options.c -------------------------------------------------------------------------------- */

/* Called for each option; `key` NULL: not one of the configuration.  An exit status. */
typedef int option_fn(void *ctx, const char *name, const char *key, const char *value);

/* Walks the arguments; `use`: whose options are known, those of USE_ALL always.  What is no option
 * lands in rest (room for argc).  An exit status; mistakes are told. */
int parse_options(int argc, char **argv, unsigned int use, option_fn *take, void *ctx, char **rest, int *rest_n);
void print_options(unsigned int use);
/* Tells it, with the nearest name; EXIT_USAGE. */
int unknown_option(const char *arg, unsigned int use);

/* --- damp.c ------------------------------------------------------------------------------------------ */

/* The same, and carries --help and --version out.  `done`: they were given, or a mistake was made. */
int parse_plain(const char *command, int argc, char **argv, unsigned int use, option_fn *take, void *ctx, char **rest,
    int *rest_n, bool *done);
void print_usage_of(const char *command); /* with its options */
int command_help(int argc, char **argv);

/* --- damp_traffic.c ---------------------------------------------------------------------------------- */

int command_replay(int argc, char **argv);
int command_run(int argc, char **argv);
int command_check_config(int argc, char **argv);

/* --- damp_why.c -------------------------------------------------------------------------------------- */

int command_why(int argc, char **argv);

/* --- damp_flows.c ------------------------------------------------------------------------------------ */

int command_flows(int argc, char **argv);
int command_report(int argc, char **argv);

/* --- damp_diff.c ------------------------------------------------------------------------------------- */

struct config;
/* The value of --diff, or NULL. */
const char *diff_option(int argc, char **argv);
/* The files under c, and under the configuration `other` with the same options. */
int replay_diff(const struct config *c, const char *other, int argc, char **argv, int n, char **files);

/* --- damp_memory.c ---------------------------------------------------------------------------------- */

/* Types of `report` that read a state file, not flows. */
bool is_memory_report(const char *type);
int memory_report(int argc, char **argv);

/* --- damp_tools.c ------------------------------------------------------------------------------------ */

int command_rules(int argc, char **argv);
int command_verify(int argc, char **argv);
int command_keygen(int argc, char **argv);
void print_version(void);

/* --- damp_probe.c ------------------------------------------------------------------------------------ */

int command_probe(int argc, char **argv);

#endif
