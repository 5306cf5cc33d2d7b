// The registers and bits that lcd.c touches, no others. Addresses and bits: CMSIS header of the STM32H747 (stm32h747xx.h);
// names as in RM0399, sections "DSI Host" (registers from 0x0), "DSI wrapper" (from 0x400), "LTDC", "RCC", "GPIO".
#ifndef LCD_REGISTERS_H
#define LCD_REGISTERS_H

// ---- reset and clock control ----

#define RCC_CR (0x58024400u)
#define RCC_CR_HSERDY (1u << 17)
#define RCC_CR_PLL3RDY (1u << 29)
#define RCC_PLLCKSELR (0x58024428u)
#define RCC_PLLCKSELR_PLLSRC (3u)
#define RCC_PLLCKSELR_PLLSRC_HSE (2u)
#define RCC_PLLCKSELR_DIVM3(value) ((value) >> 20 & 0x3fu)
#define RCC_PLLCFGR (0x5802442cu)
#define RCC_PLLCFGR_DIVR3EN (1u << 24)
#define RCC_PLL3DIVR (0x58024440u)
#define RCC_PLL3DIVR_N3(value) (((value) & 0x1ffu) + 1)
#define RCC_PLL3DIVR_R3(value) (((value) >> 24 & 0x7fu) + 1)
#define RCC_D1CCIPR (0x5802444cu)
#define RCC_D1CCIPR_DSISEL (1u << 8) // 0: byte clock from the D-PHY
#define RCC_APB3RSTR (0x5802448cu)
#define RCC_AHB4ENR (0x580244e0u)
#define RCC_AHB4ENR_GPIOG (1u << 6)
#define RCC_AHB4ENR_GPIOJ (1u << 9)
#define RCC_APB3ENR (0x580244e4u)
#define RCC_APB3_LTDC (1u << 3)      // in APB3ENR and in APB3RSTR
#define RCC_APB3_DSI (1u << 4)

// ---- pins ----

#define GPIOG (0x58021800u)
#define GPIOJ (0x58022400u)
#define GPIO_MODER (0x00u)
#define GPIO_OTYPER (0x04u)
#define GPIO_BSRR (0x18u)

// ---- DSI host ----

#define DSI_CR (0x50000004u)
#define DSI_CR_EN (1u)
#define DSI_CCR (0x50000008u)        // bits 7:0 TXECKDIV
#define DSI_LCOLCR (0x50000010u)
#define DSI_PCR (0x5000002cu)
#define DSI_PCR_BTAE (1u << 2)
#define DSI_MCR (0x50000034u)
#define DSI_MCR_CMDM (1u)
#define DSI_LCCR (0x50000064u)
#define DSI_CMCR (0x50000068u)
// Every kind of packet in low-power mode: GSW0TX..GLWTX, DSW0TX..DLWTX, MRDPS.
#define DSI_CMCR_LOW_POWER (0x010f7f00u)
#define DSI_GHCR (0x5000006cu)       // 5:0 data type, 7:6 channel, 15:8 and 23:16 data or byte count
#define DSI_GPDR (0x50000070u)
#define DSI_GPSR (0x50000074u)
#define DSI_GPSR_CMDFE (1u << 0)
#define DSI_GPSR_PWRFE (1u << 2)
#define DSI_GPSR_PWRFF (1u << 3)
#define DSI_GPSR_PRDFE (1u << 4)
#define DSI_GPSR_RCB (1u << 6)
#define DSI_CLCR (0x50000094u)
#define DSI_CLCR_DPCC (1u)
#define DSI_CLTCR (0x50000098u)      // 9:0 LP2HS_TIME, 25:16 HS2LP_TIME, in lane byte clocks
#define DSI_DLTCR (0x5000009cu)      // 14:0 MRD_TIME, 23:16 LP2HS_TIME, 31:24 HS2LP_TIME
#define DSI_PCTLR (0x500000a0u)
#define DSI_PCTLR_DEN (1u << 1)
#define DSI_PCTLR_CKE (1u << 2)
#define DSI_PCONFR (0x500000a4u)     // 1:0 NL (lanes - 1), 15:8 SW_TIME
#define DSI_PSR (0x500000b0u)
#define DSI_ISR0 (0x500000bcu)       // acknowledge and PHY errors; reading clears
#define DSI_ISR1 (0x500000c0u)       // time-outs, packet and FIFO errors; reading clears

// ---- DSI wrapper ----

#define DSI_WCFGR (0x50000400u)      // 0 DSIM, 3:1 COLMUX, 4 TESRC, 5 TEPOL, 6 AR, 7 VSPOL
#define DSI_WCFGR_DSIM (1u)
#define DSI_WCR (0x50000404u)
#define DSI_WCR_LTDCEN (1u << 2)
#define DSI_WCR_DSIEN (1u << 3)
#define DSI_WISR (0x5000040cu)
#define DSI_WISR_ERIF (1u << 1)
#define DSI_WISR_BUSY (1u << 2)
#define DSI_WISR_PLLLS (1u << 8)
#define DSI_WISR_RRS (1u << 12)
#define DSI_WIFCR (0x50000410u)
#define DSI_WIFCR_CERIF (1u << 1)
#define DSI_WPCR0 (0x50000418u)
#define DSI_WPCR0_UIX4 (0x3fu)
#define DSI_WPCR1 (0x5000041cu)
#define DSI_WPCR1_FLPRXLPM (1u << 22)
#define DSI_WRPCR (0x50000430u)      // 8:2 NDIV, 14:11 IDF, 17:16 ODF
#define DSI_WRPCR_PLLEN (1u)
#define DSI_WRPCR_NDIV(n) ((n) << 2)
#define DSI_WRPCR_IDF(n) ((n) << 11)
#define DSI_WRPCR_REGEN (1u << 24)

// ---- LTDC and its layer 1 ----

#define LTDC_SSCR (0x50001008u)      // in these four: 27:16 horizontal, 11:0 vertical
#define LTDC_BPCR (0x5000100cu)
#define LTDC_AWCR (0x50001010u)
#define LTDC_TWCR (0x50001014u)
#define LTDC_GCR (0x50001018u)
#define LTDC_GCR_LTDCEN (1u)
#define LTDC_SRCR (0x50001024u)
#define LTDC_SRCR_IMR (1u)
#define LTDC_ISR (0x50001038u)
#define LTDC_ICR (0x5000103cu)
#define LTDC_FLAG_UNDERRUN (1u << 1) // FUIF, CFUIF
#define LTDC_FLAG_BUS (1u << 2)      // TERRIF, CTERRIF
#define LTDC_L1CR (0x50001084u)
#define LTDC_L1CR_LEN (1u)
#define LTDC_L1WHPCR (0x50001088u)   // 31:16 last, 15:0 first
#define LTDC_L1WVPCR (0x5000108cu)
#define LTDC_L1PFCR (0x50001094u)
#define LTDC_L1PFCR_RGB565 (2u)
#define LTDC_L1CACR (0x50001098u)
#define LTDC_L1BFCR (0x500010a0u)
#define LTDC_L1BFCR_ALPHA (0x607u)   // pixel alpha x constant alpha, both factors
#define LTDC_L1CFBAR (0x500010acu)
#define LTDC_L1CFBLR (0x500010b0u)   // 28:16 pitch in bytes, 12:0 bytes of a line + 7
#define LTDC_L1CFBLNR (0x500010b4u)

#endif
