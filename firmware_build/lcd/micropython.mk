# The C user module `lcd`, for USER_C_MODULES of the STM32H747I-DISCO alone: the glue (modlcd.c) and the core it calls.
LCD_DIR := $(USERMOD_DIR)

SRC_USERMOD_C += $(LCD_DIR)/modlcd.c
SRC_USERMOD_LIB_C += $(LCD_DIR)/lcd.c $(LCD_DIR)/lcd_panels.c
CFLAGS_USERMOD += -I$(LCD_DIR)
