; A multiboot 1 kernel: prints its command line and modules from 32-bit protected mode, enters long mode, takes three timer
; interrupts of the PIT through the IDT, and leaves by the exit port with code 33.
bits 32
section .text
align 4
header:
  dd 0x1badb002, 3, -(0x1badb002 + 3)

global start
start:
  mov esp, stack
  mov ebp, ebx
  cmp eax, 0x2badb002
  jne bad
  mov esi, text32
  call print
  test dword [ebp], 1 << 2
  jz .nocmd
  mov esi, [ebp+16]
.word:                          ; a loader may put the kernel's name in front: print from the last '=' on
  mov edi, esi
.find:
  lodsb
  cmp al, '='
  je .word
  test al, al
  jnz .find
  mov esi, edi
  call print
.nocmd:
  mov esi, newline
  call print
  lgdt [gdtr]
  mov eax, cr4
  or eax, 0x20
  mov cr4, eax
  mov eax, pml4
  mov cr3, eax
  mov ecx, 0xc0000080
  rdmsr
  or eax, 0x100
  wrmsr
  mov eax, cr0
  or eax, 0x80000000
  mov cr0, eax
  jmp 8:lmode
bad:
  hlt

print:
  mov dx, 0x3fd
.wait:
  in al, dx
  test al, 0x20
  jz .wait
  mov dx, 0x3f8
  lodsb
  test al, al
  jz .done
  out dx, al
  jmp print
.done:
  ret

bits 64
lmode:
  mov ax, 16
  mov ss, ax
  mov ds, ax
  mov es, ax
  lea rsi, [rel text64]
  call print64
  ; the PIC at 20h, the timer alone let through
  mov al, 0x11
  out 0x20, al
  mov al, 0x20
  out 0x21, al
  mov al, 4
  out 0x21, al
  mov al, 1
  out 0x21, al
  mov al, 0xfe
  out 0x21, al
  ; gate 20h
  lea rax, [rel timer]
  mov [rel idt+0x200], ax
  mov word [rel idt+0x202], 8
  mov word [rel idt+0x204], 0x8e00
  shr rax, 16
  mov [rel idt+0x206], ax
  lidt [rel idtr]
  mov al, 0x34                  ; channel 0, mode 2
  out 0x43, al
  mov al, 0x00
  out 0x40, al
  mov al, 0x10
  out 0x40, al
.sleep:
  sti
  hlt
  cli
  cmp dword [rel ticks], 3
  jb .sleep
  lea rsi, [rel done]
  call print64
  mov eax, 16
  out 0xf4, eax
  hlt

timer:
  push rax
  inc dword [rel ticks]
  push rsi
  push rdx
  lea rsi, [rel tick]
  call print64
  pop rdx
  pop rsi
  mov al, 0x20
  out 0x20, al
  pop rax
  iretq

print64:
  mov dx, 0x3f8
.next:
  lodsb
  test al, al
  jz .done
  out dx, al
  jmp .next
.done:
  ret

section .data
text32: db "32-bit: ", 0
newline: db 10, 0
text64: db "64-bit", 10, 0
tick: db "tick", 10, 0
done: db "done", 10, 0
align 8
gdt: dq 0, 0x00af9a000000ffff, 0x00cf92000000ffff
gdtr: dw 23
  dd gdt
idtr: dw 0xfff
  dq idt
ticks: dd 0
align 4096
pml4: dq pdpt + 3
  times 511 dq 0
pdpt: dq 0x83
  times 511 dq 0

section .bss
align 4096
idt: resb 4096
  resb 4096
stack:
