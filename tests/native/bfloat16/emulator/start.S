/* From protected to long mode, with the states of SSE, AVX, AVX512 and AMX on, as far as the CPU has
 * them; then to C. The first
 * GB of memory is mapped as it lies, by pages of 2 MB. */
        .code32
        .section .start, "ax"
        .globl start
start:
        mov     $tables, %edi
        lea     0x1003(%edi), %eax      /* the upper two levels; each page present, writable */
        mov     %eax, (%edi)
        lea     0x2003(%edi), %eax
        mov     %eax, 0x1000(%edi)
        mov     $0x83, %eax             /* 2 MB each */
        lea     0x2000(%edi), %ebx
1:      mov     %eax, (%ebx)
        add     $8, %ebx
        add     $0x200000, %eax
        cmp     $0x40000000, %eax
        jb      1b
        mov     %edi, %cr3
        mov     $0x40620, %eax          /* CR4: PAE, OSFXSR, OSXMMEXCPT, OSXSAVE */
        mov     %eax, %cr4
        mov     $0xC0000080, %ecx       /* EFER: long mode */
        rdmsr
        or      $0x100, %eax
        wrmsr
        mov     $0x80000023, %eax       /* CR0: paging, NE, MP, protection */
        mov     %eax, %cr0
        lgdt    table_place
        ljmp    $8, $long_mode

        .code64
long_mode:
        mov     $13, %eax
        xor     %ecx, %ecx
        cpuid
        and     $0x600E7, %eax          /* XCR0: x87, SSE, AVX, AVX512, tiles */
        xor     %ecx, %ecx
        xor     %edx, %edx
        xsetbv
        mov     $stack_end, %esp
        call    test
        mov     $0x8900, %edx           /* the emulator's own switch */
        mov     $word, %esi
        mov     $8, %ecx
        rep outsb
2:      hlt
        jmp     2b

word:   .ascii  "Shutdown"
        .balign 8
table:  .quad   0
        .quad   0x00AF9A000000FFFF      /* 64-bit code */
table_place:
        .word   . - table - 1
        .long   table

        .section .bss
        .balign 4096
tables: .space  0x3000
        .space  0x40000
stack_end:
