/* The first instructions after reset, in the place of a BIOS: from real to protected mode, and on to
 * the program, which lies in memory already (`start.S`). Linked to the last 64 kB below 4 GB. */
        .code16
        .section .text
        .globl reset
begin:
        cli
        lgdtl   %cs:table_place - 0xFFFF0000
        mov     %cr0, %eax
        or      $1, %al
        mov     %eax, %cr0
        ljmpl   $8, $protected

        .code32
protected:
        mov     $16, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        mov     $0x100000, %eax
        jmp     *%eax

        .balign 8
table:  .quad   0
        .quad   0x00CF9A000000FFFF      /* code, 4 GB */
        .quad   0x00CF92000000FFFF      /* data, 4 GB */
table_place:
        .word   . - table - 1
        .long   table

        .code16
        .section .reset, "ax"
reset:  jmp     begin
        .balign 16
