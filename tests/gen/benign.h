/* Ordinary life behind a provider's links: who is there, and recurring acts of theirs. */
#ifndef TESTS_GEN_BENIGN_H
#define TESTS_GEN_BENIGN_H

#include "tests/gen/stub.h"

struct town {
	struct rng rng;
	struct prefix net, net6;
	struct addr *client;
	uint32_t clients;
	struct recursion recursion;
	int64_t end_ns;
	bool translated;         /* its QUIC leaves through a translator, and an eighth of it is uploads */
};

/* A Poisson process of one kind of act. */
struct process {
	struct town *town;
	struct rng rng;
	int64_t mean_ns;
	struct stub *stub;       /* who acts, where it is one host */
	void (*act)(struct gen *g, struct process *p);
};

/* rate: acts a second in millionths; 0 starts nothing. */
void process_start(struct gen *g, struct town *t, struct stub *s, uint64_t rate_micro,
    void (*act)(struct gen *g, struct process *p));

void act_mail(struct gen *g, struct process *p);
void act_validator(struct gen *g, struct process *p);
void act_antivirus(struct gen *g, struct process *p);
void act_authoritative(struct gen *g, struct process *p);
void act_transfer(struct gen *g, struct process *p);

void act_web(struct gen *g, struct process *p);
void act_quic(struct gen *g, struct process *p);
void act_call(struct gen *g, struct process *p);
void act_vpn(struct gen *g, struct process *p);
void act_speedtest(struct gen *g, struct process *p);
void act_ntp(struct gen *g, struct process *p);
void act_ping(struct gen *g, struct process *p);

#endif
