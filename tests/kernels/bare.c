/* bare.c -- compare.c without a system, for kernels that the processor at hand does not have: on an
 * emulated one (boot.S, emulate.py).
 */
#include "tests/kernels/compare.h"

#define ROUNDS 3000

/* Where Bochs takes what shall be printed, and the order to end. */
#define PRINT_PORT 0xe9
#define END_PORT   0x8900

static void put_byte(uint16_t port, char byte)
{
    __asm__ volatile("outb %0, %1" : : "a"(byte), "d"(port));
}

static void put_text(uint16_t port, const char *text)
{
    for (; *text != '\0'; text++) {
        put_byte(port, *text);
    }
}

static void put_number(unsigned number)
{
    if (number >= 10) {
        put_number(number / 10);
    }
    put_byte(PRINT_PORT, (char)('0' + number % 10));
}

/* page lies between two that cannot be read. */
void bare_main(char *page);

void bare_main(char *page)
{
    uint64_t random = 1;
    __builtin_cpu_init();
    for (unsigned i = 0; i < SCAN_KERNELS; i++) {
        enum scan_kernel kernel = (enum scan_kernel)i;
        if (scan_kernel_exists(kernel)) {
            unsigned different = 0;
            for (unsigned round = 0; round < ROUNDS; round++) {
                different += compare_on_page(kernel, page, &random);
            }
            put_text(PRINT_PORT, compare_names[i]);
            put_text(PRINT_PORT, ": ");
            put_number(different);
            put_text(PRINT_PORT, " found otherwise\n");
        }
    }
    put_text(PRINT_PORT, compare_names[scan_kernel_best()]);
    put_text(PRINT_PORT, " is the best\n");
    put_text(END_PORT, "Shutdown");
}
