// What a model of a peripheral is, and what it may ask of the bench. A model knows no emulator: only this header, so that each
// is tested alone, by plain C that gives the five functions below. Every rule in a model names its manual and section.
#ifndef FIRMWARE_BENCH_MODEL_H
#define FIRMWARE_BENCH_MODEL_H

#include <stdbool.h>
#include <stdint.h>

// Registers from `base`, `size` bytes. A null function is not called. There is one of each peripheral, got by the function
// that its header names (`model_t *rcc_model(void)`); its memory is static.
typedef struct model model_t;
struct model {
    const char *name;
    uint32_t base, size;
    uint32_t (*read)(model_t *, uint32_t offset, unsigned size); // size: 1, 2 or 4; offset a multiple of it
    void (*write)(model_t *, uint32_t offset, unsigned size, uint32_t value);
    void (*advance)(model_t *, uint64_t now_ns); // time has come to now_ns, which never falls
    void (*reset)(model_t *);    // system reset (NRST, AIRCR): registers to their reset values, media and panel state kept
    void (*power_on)(model_t *); // power-on: as reset, and what only power holds is lost (a flash's mode, an SDRAM's rows)
};

// ---- given by the bench, and by a model's unit test ----

uint64_t bench_now_ns(void); // virtual time

// A rule was broken. The bench adds function and line of the access under way. The model goes on as silicon might.
void bench_violation(const char *format, ...)
#ifdef __GNUC__
    __attribute__((format(printf, 1, 2)))
#endif
    ;

void bench_irq(unsigned number, bool level); // an interrupt line of the NVIC (RM0399, table of vectors: position)

// Is the peripheral clocked and out of reset? Asked of the model of the RCC (rcc_clock_on). A peripheral is the place of its
// bit in the RCC's enable registers, which are also its reset registers 0x58 lower but for the memories' (RM0399 9.7).
bool bench_clock_on(unsigned peripheral);
#define BENCH_PERIPHERAL(enr_offset, bit) ((unsigned)(enr_offset) << 5 | (bit))
enum {
    BENCH_AHB3ENR = 0xd4, BENCH_AHB1ENR = 0xd8, BENCH_AHB2ENR = 0xdc, BENCH_AHB4ENR = 0xe0,
    BENCH_APB3ENR = 0xe4, BENCH_APB1LENR = 0xe8, BENCH_APB1HENR = 0xec, BENCH_APB2ENR = 0xf0, BENCH_APB4ENR = 0xf4,

    BENCH_FMC = BENCH_PERIPHERAL(BENCH_AHB3ENR, 12),
    BENCH_QUADSPI = BENCH_PERIPHERAL(BENCH_AHB3ENR, 14),
    BENCH_LTDC = BENCH_PERIPHERAL(BENCH_APB3ENR, 3),
    BENCH_DSI = BENCH_PERIPHERAL(BENCH_APB3ENR, 4),
    BENCH_USART1 = BENCH_PERIPHERAL(BENCH_APB2ENR, 4),
    BENCH_I2C4 = BENCH_PERIPHERAL(BENCH_APB4ENR, 7),
    BENCH_SYSCFG = BENCH_PERIPHERAL(BENCH_APB4ENR, 1),
    BENCH_RTC = BENCH_PERIPHERAL(BENCH_APB4ENR, 16),
    BENCH_OTG_HS = BENCH_PERIPHERAL(BENCH_AHB1ENR, 25),
    BENCH_GPIOA = BENCH_PERIPHERAL(BENCH_AHB4ENR, 0), // + n: GPIOB to GPIOK
};

// Hz of a clock now, 0 where it stands still. Asked of the model of the RCC (rcc_clock_hz).
uint32_t bench_clock_hz(unsigned clock);
enum {
    BENCH_CLOCK_SYS, BENCH_CLOCK_CPU, BENCH_CLOCK_HCLK, // sys_ck, rcc_c_ck, rcc_hclk3 (AXI, AHB)
    BENCH_CLOCK_PCLK1, BENCH_CLOCK_PCLK2, BENCH_CLOCK_PCLK3, BENCH_CLOCK_PCLK4,
    BENCH_CLOCK_FMC, BENCH_CLOCK_QUADSPI, BENCH_CLOCK_LTDC, // kernel clocks
    BENCH_CLOCK_USART1, BENCH_CLOCK_I2C4, BENCH_CLOCK_RTC,
    BENCH_CLOCKS
};

#endif
