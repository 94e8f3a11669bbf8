/* The assembler copies the two files in: neither compiler of Debian 12 has #embed.  The Makefile
 * knows that this object depends on them. */
#include "reports/assets.h"

__asm__(".pushsection .rodata\n"
        ".globl assets_style\n"
        "assets_style:\n"
        ".incbin \"reports/style.css\"\n"
        ".byte 0\n"
        ".globl assets_script\n"
        "assets_script:\n"
        ".incbin \"reports/page.js\"\n"
        ".byte 0\n"
        ".popsection\n");
