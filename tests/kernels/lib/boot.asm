; Boot: multiboot 1 entry in 32-bit protected mode, page tables, long mode, kmain(magic, info).
;
; Linear addresses, by gigabyte: 0 is physical memory for the supervisor, 1 the same memory for user code, 2 the test
; region (4 KiB pages, user), 3 is physical again (the local APIC).
%include "layout.inc"

	section .multiboot
	align 4
	dd 0x1badb002, 3, -(0x1badb002 + 3)

	section .text
	bits 32
	global _start
	extern kmain
_start:
	mov esp, boot_stack_top
	mov edi, eax
	mov esi, ebx
	mov dword [pml4], pdpt + 7
	mov dword [pdpt], pd_kernel + 7
	mov dword [pdpt + 8], pd_user + 7
	mov dword [pdpt + 16], pd_test + 7
	mov dword [pdpt + 24], 0xc0000000 + 0x93 ; 1 GiB, uncached
	mov eax, 0x83
	mov ecx, pd_kernel
.fill:
	mov [ecx], eax
	lea edx, [eax + 4]
	mov [ecx + pd_user - pd_kernel], edx
	add eax, 0x200000
	add ecx, 8
	cmp ecx, pd_kernel + 4096
	jb .fill
	mov dword [pd_test], pt_test + 7
	mov eax, test_pages + 7
	mov ecx, pt_test
.pages:
	mov [ecx], eax
	add eax, 0x1000
	add ecx, 8
	cmp ecx, pt_test + 8*TEST_PAGES
	jb .pages
	mov eax, 0x620 ; PAE, OSFXSR, OSXMMEXCPT
	mov cr4, eax
	mov eax, pml4
	mov cr3, eax
	mov ecx, 0xc0000080
	mov eax, 0x901 ; NXE, LME, SCE
	xor edx, edx
	wrmsr
	mov eax, 0x80000033 ; PG, NE, ET, MP, PE
	mov cr0, eax
	lgdt [boot_gdtr]
	jmp 8:.long
	bits 64
.long:
	mov eax, 0x10
	mov ds, ax
	mov es, ax
	mov ss, ax
	mov al, 0xff ; no interrupts of the PICs
	out 0x21, al
	out 0xa1, al
	mov esp, esp
	mov edi, edi
	mov esi, esi
	call kmain
.stop:
	hlt
	jmp .stop

	section .rodata
	align 8
boot_gdt:
	dq 0, 0x00209b000000ffff, 0x00cf93000000ffff
boot_gdtr:
	dw 23
	dq boot_gdt

	section .bss
	global pml4, pdpt, pd_kernel, pd_user, pd_test, pt_test, test_pages
	align 4096
pml4:
	resb 4096
pdpt:
	resb 4096
pd_kernel:
	resb 4096
pd_user:
	resb 4096
pd_test:
	resb 4096
pt_test:
	resb 4096
test_pages:
	resb 4096*TEST_PAGES
	resb 16384
boot_stack_top:
