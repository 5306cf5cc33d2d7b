// Scenarios of a test in C: all of them, the one that is named, or their names (--list). What goes wrong ends the process.
#ifndef SCENARIOS_H
#define SCENARIOS_H

#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct scenario {
    const char *name;
    void (*run)(void);
};
#define SCENARIO(name) {#name, name}

// The exit status: 2 where there is none of that name.
static inline int run_scenarios(const struct scenario *scenarios, size_t count, int argc, char **argv) {
    int found = 0;
    for (size_t i = 0; i < count; i++) {
        if (argc == 2 && strcmp(argv[1], "--list") == 0) {
            puts(scenarios[i].name);
            found++;
        } else if (argc < 2 || strcmp(argv[1], scenarios[i].name) == 0) {
            scenarios[i].run();
            found++;
        }
    }
    return found == 0 ? 2 : 0;
}

#endif
