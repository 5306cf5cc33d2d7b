// The STM32H747I-DISCO as upstream has it, and where this firmware differs, why. "BSP" is ST's board support package for this
// board (STMicroelectronics/stm32h747i-disco-bsp), "HAL" ST's driver library as MicroPython carries it. Nothing here has
// been seen on a board by us: what is uncertain says so, and device/scripts/selftest.py tells it.
#include "boards/STM32H747I_DISCO/mpconfigboard.h"

// ---- clock of the SDRAM and of the QSPI flash ----
//
// Both take PLL2's R output (HAL: RCC_FMCCLKSOURCE_PLL2 and RCC_QSPICLKSOURCE_PLL2 are pll2_r_ck). Upstream divides by 10
// there: 25 MHz / 5 * 96 / 10 = 48 MHz, so the SDRAM runs at 24 MHz, with a refresh counted for 120 (77 us a row instead of
// 15.6) and the flash at 24. That is read from its sources, not measured. Here: 25 / 5 * 80 / 2 = 200 MHz, of a PLL of its
// own, so that machine.freq() changes neither.
#undef MICROPY_HW_CLK_PLL2N
#define MICROPY_HW_CLK_PLL2N (80)
#undef MICROPY_HW_CLK_PLL2R
#define MICROPY_HW_CLK_PLL2R (2)

// SDRAM at 200 / 2 = 100 MHz with CAS latency 3 and these cycles, as BSP's stm32h747i_discovery_sdram.c runs it. Latency 2
// at 120 MHz, as upstream means it, is beyond the data sheets of the sister parts (IS42S32160C, IS42S32200E: CL2 to 100 MHz,
// CL3 to 166). The refresh count follows: 64 ms * 100000 kHz / 4096 rows - 20 = 1542 (BSP: 0x603 = 1539).
#undef MICROPY_HW_SDRAM_CAS_LATENCY
#define MICROPY_HW_SDRAM_CAS_LATENCY 3
#undef MICROPY_HW_SDRAM_FREQUENCY_KHZ
#define MICROPY_HW_SDRAM_FREQUENCY_KHZ (100000)
#undef MICROPY_HW_SDRAM_TIMING_TXSR
#define MICROPY_HW_SDRAM_TIMING_TXSR (7)
// A row is open for 42 ns at least, and as long in self-refresh (IS42S32800, grade -6): 5 cycles, where BSP and upstream have 4.
#undef MICROPY_HW_SDRAM_TIMING_TRAS
#define MICROPY_HW_SDRAM_TIMING_TRAS (5)
#undef MICROPY_HW_SDRAM_TIMING_TRC
#define MICROPY_HW_SDRAM_TIMING_TRC (7)
// The controller wants TWR >= TRAS - TRCD and TWR >= TRC - TRCD - TRP (reference manual RM0399, FMC_SDTRx): 7 - 2 - 2 = 3.
// Upstream's 2 fits its own TRC of 6; with 7 a row could close and open again a cycle before its time.
#undef MICROPY_HW_SDRAM_TIMING_TWR
#define MICROPY_HW_SDRAM_TIMING_TWR (3)

// Flash at 200 / 4 = 50 MHz. BSP runs it at 100 and its maker allows more at the 10 dummy cycles in use (4 pairs and an
// alternate byte), but nothing here waits for it, and no board was there to try.
#undef MICROPY_HW_QSPI_PRESCALER
#define MICROPY_HW_QSPI_PRESCALER (4)

// ---- core clock ----
//
// 400 MHz, as upstream and ST run this board. make firmware BOARD=STM32H747I_DISCO CORE_MHZ=480: 25 / 5 * 192 / 2, for silicon
// of revision V (identifier 0x2003) on, which alone has voltage scale 0; on older silicon the same image runs at 400. Unproven:
// whether scale 0 holds with the SMPS as the only supply, as this board is wired. AXI 240 and APB 120 MHz; four wait states of
// the flash (reference manual RM0399, "FLASH recommended number of wait states"). PLL1's Q, for the SD card: 960 / 10 = 96 MHz.
// SDRAM, QSPI flash and screen have PLLs of their own, and stay as they are.
#ifdef UFF_CORE_480
#undef MICROPY_HW_CLK_PLLN
#define MICROPY_HW_CLK_PLLN (HAL_GetREVID() >= 0x2003 ? 192 : 160)
#undef MICROPY_HW_CLK_PLLQ
#define MICROPY_HW_CLK_PLLQ (HAL_GetREVID() >= 0x2003 ? 10 : 8)
#undef MICROPY_HW_FLASH_LATENCY
#define MICROPY_HW_FLASH_LATENCY FLASH_LATENCY_4
#endif

// ---- start ----
//
// Lights from the first moment, and a supply that is waited for with a limit (startup.c).
void board_h747_startup(void);
#define MICROPY_BOARD_STARTUP board_h747_startup

// ---- pixel clock ----
//
// PLL3's R output is the LTDC's clock (it has no other) and the ADC's. Upstream's 480 / 4 = 120 MHz is three times what the
// panel's two DSI lanes of 500 Mbit/s carry at 24 bits a pixel (41.7). 480 / 12 = 40 MHz: a whole screen in 10 ms. P and Q
// stay as they are, for USB.
#undef MICROPY_HW_CLK_PLL3R
#define MICROPY_HW_CLK_PLL3R (12)

// ---- file system ----
//
// littlefs instead of FAT, which MicroPython's documentation calls not tolerant to power failure: _boot.py makes and mounts
// it. The port would make a FAT before any Python runs.
#define MICROPY_HW_FLASH_MOUNT_AT_BOOT (0)
#define MICROPY_HW_SDCARD_MOUNT_AT_BOOT (0)
#define MICROPY_BOARD_FROZEN_BOOT_FILE "_boot.py"

// The button asks for a new file system at reset (third choice of the lights); _boot.py hears of it here.
struct _boardctrl_state_t;
void board_h747_top_soft_reset_loop(struct _boardctrl_state_t *state);
#define MICROPY_BOARD_TOP_SOFT_RESET_LOOP board_h747_top_soft_reset_loop

// ---- REPL ----
//
// Upstream keeps it off the ST-LINK's serial port (PA9, PA10), as every character of the USB REPL then waits for the UART's.
// For a first light it is worth that: make firmware BOARD=STM32H747I_DISCO UART_REPL=1.
#ifdef UFF_UART_REPL
#define MICROPY_HW_UART_REPL PYB_UART_1
#define MICROPY_HW_UART_REPL_BAUD 115200
#endif

// ---- left out ----
//
// Ethernet needs a soldered change of the board, and with it go lwIP, TLS and their submodules (mpconfigboard.mk).
#undef MICROPY_HW_ETH_MDC
