/* Between damp.c (commands and options) and the files that carry them out. */
#ifndef DAMP_COMMANDS_H
#define DAMP_COMMANDS_H

#include <stdbool.h>

/* Called for each option; `key` NULL: not one of the configuration.  An exit status. */
typedef int option_fn(void *ctx, const char *name, const char *key, const char *value);

/* Walks the arguments; `use`: 1 traffic, 2 run, 0 only --help and --version.  What is no option lands
 * in rest (room for argc).  An exit status; mistakes are told. */
int parse_options(int argc, char **argv, unsigned int use, option_fn *take, void *ctx, char **rest, int *rest_n);
void print_options(unsigned int use);
void print_usage_of(const char *command);
void print_version(void);

/* damp_traffic.c */
int command_replay(int argc, char **argv);
int command_run(int argc, char **argv);
int command_why(int argc, char **argv);
int command_check_config(int argc, char **argv);
/* damp_tools.c */
int command_rules(int argc, char **argv);
int command_verify(int argc, char **argv);
int command_keygen(int argc, char **argv);
/* damp.c */
int command_help(int argc, char **argv);

#endif
