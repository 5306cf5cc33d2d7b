// What the bench gives to a model, for a test of the model alone: time that the test sets, violations that it reads.
#ifndef FAKE_BENCH_H
#define FAKE_BENCH_H

#include "model.h"
#include "scenarios.h"

#include <stddef.h>

extern uint64_t now_ns;
extern char violation[200];       // the first since clean(); empty: none
extern uint32_t fake_hz;          // of every clock, where the test has no model of the RCC
extern bool fake_clock_on;

void clean(void);
void wait_ns(model_t *model, uint64_t ns);

#define CHECK(condition) check(condition, #condition, __LINE__)
void check(bool met, const char *what, int line);

// The last step broke this rule, and only the first violation counts. Or none.
#define BROKE(words) check_broke(words, __LINE__)
#define CLEAN() check_broke(NULL, __LINE__)
void check_broke(const char *words, int line);

#endif
