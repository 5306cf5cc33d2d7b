// firmware_bench: runs an image of the STM32H747I-DISCO without the board. docs/firmware_bench.md says what it is.
#include "bench.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static const char usage[] =
    "usage: firmware_bench [options] firmware.elf\n"
    "  --pty           the serial line is a pty, whose name is printed; else standard input and output\n"
    "  --panel NAME    what is plugged in: nt35510, otm8009a, none; without it DSI has no supply: the\n"
    "                  image gives up its screen at once and comes to its REPL in the shortest time\n"
    "  --wires FD      buttons, LEDs, touch and pixels are at this socket (uff board --firmware)\n"
    "  --pace          a sleep takes as long as on the board; else it is skipped\n"
    "  --strict        watches each load and store; some twenty times slower\n"
    "  --log FILE      where violations and figures go; else standard error\n"
    "  --report        figures at the end: speed, stack, writes of the flash, registers touched\n"
    "  --seconds N     ends after so many seconds of the board\n"
    "  --flash FILE    what the flash holds, kept there from run to run; else it is empty and forgotten\n"
    "  --demo          the flash is in the protocol of four lines, in which ST's demo leaves it\n"
    "  --cut N         power fails in the N-th program or erasure of the flash, and the run ends there\n"
    "  --seed N        other half-done bytes of such a cut\n"
    "  --writes FILE   gets each program and erasure of the flash, and what a cut in it would leave\n"
    "  --fault NAME    what the board suffers from, given once for each: ";

static void print_usage(void) {
    fputs(usage, stderr);
    board_list_faults(stderr);
}

static double limit_s;

// The bench needs 1.3 GB of addresses and 60 MB of memory. More is a fault of it or of the emulator, which shall end it and
// not the machine.
static void bound_memory(void) {
    static const rlim_t most = (rlim_t)4 << 30;
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur > most) {
        limit.rlim_cur = most;
        if (setrlimit(RLIMIT_AS, &limit) != 0) {
            fail("its memory cannot be bounded: %s", strerror(errno));
        }
    }
}

static void on_signal(int number) {
    (void)number;
    cpu_end(0);
}

static uint64_t number_of(const char *option, const char *text) {
    char *end;
    errno = 0;
    const unsigned long long number = strtoull(text, &end, 10);
    if (text[0] < '1' || text[0] > '9' || *end != '\0' || errno != 0) {
        fail("%s: want a number, 1 or more, got %s", option, text);
    }
    return number;
}

static enum display_panel panel_named(const char *name) {
    static const char *const names[] = {"none", "nt35510", "otm8009a"};
    for (unsigned i = 0; i < 3; i++) {
        if (strcmp(name, names[i]) == 0) {
            return (enum display_panel)i;
        }
    }
    fail("--panel: want nt35510, otm8009a or none, got %s", name);
}

int main(int argc, char **argv) {
    static const struct option options[] = {{"pty", no_argument, NULL, 'p'},
        {"panel", required_argument, NULL, 'd'}, {"wires", required_argument, NULL, 'w'}, {"pace", no_argument, NULL, 'c'},
        {"strict", no_argument, NULL, 's'}, {"log", required_argument, NULL, 'l'},
        {"report", no_argument, NULL, 'r'}, {"seconds", required_argument, NULL, 't'},
        {"flash", required_argument, NULL, 'f'}, {"demo", no_argument, NULL, 'o'},
        {"cut", required_argument, NULL, 'u'}, {"writes", required_argument, NULL, 'i'}, {"seed", required_argument, NULL, 'e'},
        {"fault", required_argument, NULL, 'x'}, {NULL, 0, NULL, 0}};
    const char *log = NULL, *flash = NULL, *panel = NULL;
    bool pty = false, strict = false, report = false, demo = false;
    int descriptor = -1, option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
            case 'p':
                pty = true;
                break;
            case 'd':
                panel = optarg;
                break;
            case 'w':
                descriptor = atoi(optarg);
                break;
            case 'c':
                console_paced = true;
                break;
            case 's':
                strict = true;
                break;
            case 'l':
                log = optarg;
                break;
            case 'r':
                report = true;
                break;
            case 't':
                limit_s = atof(optarg);
                break;
            case 'f':
                flash = optarg;
                break;
            case 'o':
                demo = true;
                break;
            case 'u':
                board_cut_at(number_of("--cut", optarg));
                break;
            case 'e':
                board_seed((uint32_t)number_of("--seed", optarg));
                break;
            case 'i':
                board_log_writes(optarg);
                break;
            case 'x':
                if (board_fault(optarg)) {
                    break;
                }
                fprintf(stderr, "firmware_bench: no fault %s is known\n", optarg);
                // fall through
            default:
                print_usage();
                return 2;
        }
    }
    if (optind != argc - 1) {
        print_usage();
        return 2;
    }
    report_open(log);
    bound_memory();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, on_signal);
    cpu_open(strict);
    memory_map();
    memory_power_on();
    memory_load(argv[optind]);
    cache_open();
    bus_open();
    board_panel(panel ? panel_named(panel) : DISPLAY_NO_PANEL, panel != NULL);
    board_open(flash);
    console_open(pty);
    wires_open(descriptor);
    bus_reset(true);
    if (demo) {
        board_after_demo();
    }
    check_power_on();
    cpu_reset();
    cpu_limit(limit_s);
    struct timespec begin, end; // of this process alone: others do not count
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
    const int status = cpu_run();
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    console_flush();
    const uint64_t writes = board_writes();
    board_close();
    if (report) {
        const double real = (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
        uint32_t size;
        const uint32_t used = check_stack_used(&size);
        report_line("speed: %.0f million instructions in %.2f s of computing: %.1f MIPS; %.3f s of the board",
            (double)instructions / 1e6, real, (double)instructions / 1e6 / real, (double)bench_now_ns() / 1e9);
        report_line("stack: %u of %u bytes", (unsigned)used, (unsigned)size);
        report_line("flash: %llu writes", (unsigned long long)writes);
        block_report();
        cache_report();
        report_coverage();
        report_line("violations: %u", report_violations());
    }
    return status;
}
