; System instructions: what each does, and what it refuses, by mode and privilege. See lib/cases.inc for what a case is.
%include "cases.inc"

; NAMED text, macro, arguments…: a case whose name is the text with the first argument behind it.
%macro NAMED 3
	%defstr %%text %3
	%strcat case_name %1, %%text
	%2 %3
%endmacro

; EACH_SELECTOR text, macro: the macro with every kind of selector.
%macro EACH_SELECTOR 2
	NAMED %1, %2, 0
	NAMED %1, %2, 3
	NAMED %1, %2, KCODE
	NAMED %1, %2, KCODE+3
	NAMED %1, %2, UCODE
	NAMED %1, %2, UCODE-3
	NAMED %1, %2, KCODE32
	NAMED %1, %2, UCODE32
	NAMED %1, %2, KDATA
	NAMED %1, %2, KDATA+3
	NAMED %1, %2, UDATA
	NAMED %1, %2, UDATA-3
	NAMED %1, %2, DATA_ABSENT
	NAMED %1, %2, UDATA_ABSENT
	NAMED %1, %2, DATA_RO
	NAMED %1, %2, UDATA_RO
	NAMED %1, %2, CODE_XO
	NAMED %1, %2, UCODE_XO
	NAMED %1, %2, CODE_CONF
	NAMED %1, %2, CODE32_CONF
	NAMED %1, %2, UCODE32_CONF
	NAMED %1, %2, CODE_ABSENT
	NAMED %1, %2, CODE_LD
	NAMED %1, %2, TSS
	NAMED %1, %2, TSS2
	NAMED %1, %2, TSS_ABSENT
	NAMED %1, %2, TSS16
	NAMED %1, %2, LDT
	NAMED %1, %2, LDT_ABSENT
	NAMED %1, %2, GATE_U
	NAMED %1, %2, GATE_K
	NAMED %1, %2, GATE_ABSENT
	NAMED %1, %2, GATE_NULL
	NAMED %1, %2, GATE_DATA
	NAMED %1, %2, GATE_SAME
	NAMED %1, %2, GATE_CONF
	NAMED %1, %2, GATE_CODE32
	NAMED %1, %2, GATE_UPPER
	NAMED %1, %2, UDATA_SMALL
	NAMED %1, %2, UDATA_DOWN
	NAMED %1, %2, UDATA_BASE
	NAMED %1, %2, FRESH
	NAMED %1, %2, LDT_DATA
	NAMED %1, %2, LDT_CODE
	NAMED %1, %2, LDT_BEYOND
	NAMED %1, %2, LDT_KCODE
	NAMED %1, %2, GDT_END
	NAMED %1, %2, 0xfff8
%endmacro

; --- segment registers ---------------------------------------------------------------------------------------------
%macro MOV_DS 1
	CASE32 case_name, ALL
	mov eax, %1
	mov ds, eax
	ENDCASE
%endmacro
	EACH_SELECTOR "mov ds, ", MOV_DS
%macro MOV_SS 1
	CASE32 case_name, ALL
	mov eax, %1
	mov ss, eax
	mov ecx, ss
	ENDCASE
%endmacro
	EACH_SELECTOR "mov ss, ", MOV_SS
%macro MOV_GS 1
	CASE32 case_name, ALL
	mov eax, %1
	mov gs, eax
	ENDCASE
%endmacro
	EACH_SELECTOR "mov gs, ", MOV_GS
%macro LFS_ 1
	CASE32 case_name, ALL64|ALL32
	mov dword [esi], 0x12345678
	mov word [esi + 4], %1
	lfs eax, [esi]
	ENDCASE
%endmacro
	EACH_SELECTOR "lfs ", LFS_
%macro LSS_ 1
	CASE32 case_name, ALL64|ALL32
	mov dword [esi], 0x80000100
	mov word [esi + 4], %1
	lss esp, [esi]
	ENDCASE
%endmacro
	EACH_SELECTOR "lss ", LSS_
%macro LDS_ 1
	CASE32 case_name, ALL32
	mov dword [esi], 0x12345678
	mov word [esi + 4], %1
	lds eax, [esi]
	ENDCASE
%endmacro
	EACH_SELECTOR "lds ", LDS_
	CASE32 "les and lgs, 16 bits", ALL32
	mov word [esi], 0x1234
	mov word [esi + 2], UDATA_BASE
	o16 les ax, [esi]
	o16 lgs dx, [esi]
	ENDCASE
	CASE "lgs m16:64", ALL64
	mov rax, 0x123456789abcdef0
	mov [rsi], rax
	mov word [rsi + 8], UDATA_BASE
	lgs rcx, [rsi]
	ENDCASE
	LINE32 "push fs", ALL, push fs
	LINE32 "push gs, 16 bits", ALL64|ALL32, o16 push gs
	CASE32 "pop fs", ALL
	push strict dword KDATA
	pop fs
	ENDCASE
	CASE32 "pop gs, 16 bits", ALL64|ALL32
	push strict dword UDATA
	o16 pop gs
	ENDCASE
	CASE32 "pop es in 32-bit modes", ALL32
	push strict dword UDATA_BASE
	pop es
	mov dword [es:4], 0x1234
	mov eax, [ebx + 4]
	ENDCASE
	CASE32 "pop ss in 32-bit modes", ALL32
	push strict dword UDATA
	pop ss
	ENDCASE
	LINE32 "mov from ss, 16 bits", ALL, o16 mov ax, ss
	LINE32 "mov from ss to memory", ALL64|ALL32, mov [esi], ss
	LINE32 "mov to the segment register 6", ALL64|ALL32, db 0x8e, 0xf0
	CASE32 "the accessed bit is set", K64|K32
	mov eax, FRESH
	mov ds, eax
	mov ecx, gdt + 0x190
	mov ecx, [ecx + 4]
	ENDCASE
	CASE32 "the accessed bit is set by a load of CS", K64|K32
	SETUP
	and byte [gdt + KCODE + 5], 0xfe
	BODY
	call %$here
%$here:
	pop eax
	add eax, %$there - %$here
	mov [esi], eax
	mov word [esi + 4], KCODE
	jmp far [esi]
%$there:
	mov ecx, gdt + KCODE
	mov ecx, [ecx + 4]
	ENDCASE

; --- far transfers ---------------------------------------------------------------------------------------------------
%macro JMP_FAR 1
	CASE32 case_name, ALL64|ALL32
	call %$here
%$here:
	pop eax
	add eax, %$there - %$here
	mov [esi], eax
	mov word [esi + 4], %1
	xor eax, eax
	jmp far [esi]
%$there:
	ENDCASE
%endmacro
	EACH_SELECTOR "jmp far ", JMP_FAR
%macro CALL_FAR 1
	CASE32 case_name, ALL64|ALL32
	call %$here
%$here:
	pop eax
	add eax, %$there - %$here
	mov [esi], eax
	mov word [esi + 4], %1
	xor eax, eax
	call far [esi]
%$there:
	ENDCASE
%endmacro
	EACH_SELECTOR "call far ", CALL_FAR
%macro RET_FAR 1
	CASE32 case_name, ALL32
	call %$here
%$here:
	pop eax
	add eax, %$there - %$here
	push strict dword UDATA
	push esp
	push strict dword %1
	push eax
	xor eax, eax
	retf
%$there:
	ENDCASE
%endmacro
	EACH_SELECTOR "retf ", RET_FAR
%macro RET_FAR64 1
	CASE case_name, ALL64
	lea rax, [rel %$there]
	push UDATA
	push rsp
	push %1
	push rax
	xor eax, eax
	o64 retf
%$there:
	ENDCASE
%endmacro
	EACH_SELECTOR "retfq ", RET_FAR64
%macro IRETD_ 1
	CASE32 case_name, ALL32
	call %$here
%$here:
	pop eax
	add eax, %$there - %$here
	push strict dword UDATA
	push esp
	pushf
	push strict dword %1
	push eax
	xor eax, eax
	iret
%$there:
	ENDCASE
%endmacro
	EACH_SELECTOR "iretd ", IRETD_
%macro IRETQ_ 1
	CASE case_name, ALL64
	lea rax, [rel %$there]
	push UDATA
	push rsp
	pushf
	push %1
	push rax
	xor eax, eax
	iretq
%$there:
	ENDCASE
%endmacro
	EACH_SELECTOR "iretq ", IRETQ_
%macro IRETQ_SS 1
	CASE case_name, ALL64
	lea rax, [rel %$there]
	push %1
	push rsp
	pushf
	push UCODE
	push rax
	xor eax, eax
	iretq
%$there:
	ENDCASE
%endmacro
	EACH_SELECTOR "iretq with ss ", IRETQ_SS
%macro JMP_DIRECT 1
	CASE32 case_name, ALL32
	mov word [esi], 0xf0cd ; INT DONE
	jmp %1:strict dword TV + 0x100
	ENDCASE
%endmacro
	EACH_SELECTOR "jmp direct ", JMP_DIRECT
	CASE "jmp far m16:64", K64
	lea rax, [rel %$there]
	mov [rsi], rax
	mov word [rsi + 8], KCODE
	o64 jmp far [rsi]
%$there:
	ENDCASE
	CASE "call far m16:64", K64
	lea rax, [rel %$there]
	mov [rsi], rax
	mov word [rsi + 8], KCODE
	o64 call far [rsi]
%$there:
	pop rcx
	pop rdx
	ENDCASE
	CASE "jmp far m16:64, not canonical", K64
	mov rax, 1 << 63
	mov [rsi], rax
	mov word [rsi + 8], KCODE
	o64 jmp far [rsi]
	ENDCASE
	CASE32 "retf imm16", ALL32
	call %$here
%$here:
	pop eax
	add eax, %$there - %$here
	push cs
	push eax
	retf 16
%$there:
	ENDCASE
	CASE "retfq imm16 to CPL 3", K64
	lea rax, [rel %$there + UOFS]
	push UDATA
	push rsp
	push rcx
	push rcx
	push UCODE
	push rax
	o64 retf 16
%$there:
	ENDCASE

; --- LAR, LSL, VERR, VERW, ARPL ----------------------------------------------------------------------------------------
%macro LAR_ 1
	CASE32 case_name, ALL
	mov ecx, %1
	lar eax, ecx
	ENDCASE
%endmacro
	EACH_SELECTOR "lar ", LAR_
%macro LSL_ 1
	CASE32 case_name, ALL
	mov ecx, %1
	lsl eax, ecx
	ENDCASE
%endmacro
	EACH_SELECTOR "lsl ", LSL_
%macro VERR_ 1
	CASE32 case_name, ALL
	mov ecx, %1
	verr cx
	ENDCASE
%endmacro
	EACH_SELECTOR "verr ", VERR_
%macro VERW_ 1
	CASE32 case_name, ALL
	mov ecx, %1
	verw cx
	ENDCASE
%endmacro
	EACH_SELECTOR "verw ", VERW_
	CASE "lar, 64 and 16 bits", ALL64
	mov ecx, UDATA
	lar rax, ecx
	mov edx, -1
	lar dx, cx
	ENDCASE
	CASE32 "lar and verw from memory", ALL64|ALL32
	mov word [esi], UDATA
	lar eax, [esi]
	lsl ecx, [esi]
	verw [esi]
	ENDCASE
	CASE32 "arpl", ALL32
	mov eax, 0x10
	mov ecx, 0x23
	arpl ax, cx
	mov edx, eax
	mov ecx, 1
	arpl dx, cx
	mov [esi], eax
	arpl [esi], cx
	ENDCASE

; --- LLDT, LTR, SLDT, STR, SMSW, SGDT, SIDT ----------------------------------------------------------------------------
%macro LLDT_ 1
	CASE32 case_name, ALL64|ALL32
	mov eax, %1
	lldt ax
	sldt ecx
	ENDCASE
%endmacro
	EACH_SELECTOR "lldt ", LLDT_
%macro LTR_ 1
%if %1 < 4
	CASE32 case_name, U64|U32 ; QEMU takes a null selector at CPL 0, and ends at the next interrupt from CPL 3
%else
	CASE32 case_name, ALL64|ALL32
%endif
	mov eax, %1
	ltr ax
	str ecx
	ENDCASE
%endmacro
	EACH_SELECTOR "ltr ", LTR_
	CASE32 "ltr marks the TSS busy", K64|K32
	mov eax, TSS2
	ltr ax
	mov ecx, gdt + TSS2
	mov ecx, [ecx + 4]
	ENDCASE
	CASE "ltr of a descriptor whose upper type is not zero", K64
	SETUP
	mov dword [gdt + TSS2 + 12], 0x100
	BODY
	mov eax, TSS2
	ltr ax
	ENDCASE
	LINE32 "sldt of 32 bits", ALL, sldt eax
	LINE32 "str of 32 bits", ALL, str eax
	LINE "sldt of 64 bits", ALL64, sldt rax
	LINE32 "sldt of 16 bits", ALL64|ALL32, o16 sldt ax
	CASE32 "sldt and str to memory", ALL64|ALL32
	or dword [esi], -1
	sldt [esi]
	str [esi + 2]
	mov eax, [esi]
	ENDCASE
	LINE32 "smsw of 32 bits", ALL64|ALL32, smsw eax
	LINE "smsw of 64 bits", ALL64, smsw rax
	LINE32 "smsw of 16 bits", ALL64|ALL32, o16 smsw ax
	CASE32 "smsw to memory", ALL64|ALL32
	or dword [esi], -1
	smsw [esi]
	mov eax, [esi]
	ENDCASE
	CASE32 "sgdt and sidt limits", ALL64|ALL32
	sgdt [esi]
	sidt [esi + 16]
	mov ax, [esi]
	mov cx, [esi + 16]
	mov edx, [esi + 6]
	mov ebp, [esi + 10]
	ENDCASE
	CASE32 "UMIP", ALL64|ALL32
	SETUP
	mov eax, 0xe20
	mov cr4, rax
	BODY
	sgdt [esi]
	ENDCASE
	CASE32 "UMIP: sidt", U64|U32
	SETUP
	mov eax, 0xe20
	mov cr4, rax
	BODY
	sidt [esi]
	ENDCASE
	CASE32 "UMIP: sldt", U64|U32
	SETUP
	mov eax, 0xe20
	mov cr4, rax
	BODY
	sldt eax
	ENDCASE
	CASE32 "UMIP: str", U64|U32
	SETUP
	mov eax, 0xe20
	mov cr4, rax
	BODY
	str [esi]
	ENDCASE
	CASE32 "UMIP: smsw", U64|U32
	SETUP
	mov eax, 0xe20
	mov cr4, rax
	BODY
	smsw ax
	ENDCASE
	CASE32 "lgdt", ALL64|ALL32
	sgdt [esi]
	mov word [esi], 0x7f
	lgdt [esi]
	sgdt [esi + 16]
	mov ax, [esi + 16]
	ENDCASE
	CASE32 "lidt", ALL64|ALL32
	sidt [esi]
	mov word [esi], 0xf0f
	lidt [esi]
	sidt [esi + 16]
	mov ax, [esi + 16]
	ENDCASE
	LINE32 "lgdt of a register", ALL64|ALL32, db 0x0f, 0x01, 0xd2

; --- control registers ---------------------------------------------------------------------------------------------
%macro CR_READ 1
	%defstr %%s %1
	%strcat %%name "mov from ", %%s
	LINE %%name, ALL64, mov rax, %1
%endmacro
	CR_READ cr0
	CR_READ cr2
	CR_READ cr3
	CR_READ cr4
	CR_READ cr8
	LINE32 "mov from cr0", ALL32, mov eax, cr0
	LINE32 "mov from cr1", ALL64|ALL32, db 0x0f, 0x20, 0xc8
	LINE32 "mov to cr5", ALL64|ALL32, db 0x0f, 0x22, 0xe8
	LINE32 "mov to cr7", ALL64|ALL32, db 0x0f, 0x22, 0xf8
%macro CR_WRITE 2
	%defstr %%r %1
	%defstr %%v %2
	%strcat %%name "mov ", %%r, ", ", %%v
	CASE %%name, ALL64
	mov rax, %2
	mov %1, rax
	mov rcx, %1
	ENDCASE
%endmacro
	CR_WRITE cr0, 0x80000033
	CR_WRITE cr0, 0x8000003b
	CR_WRITE cr0, 0x80050033
	CR_WRITE cr0, 0x80000023
	CR_WRITE cr0, 0xa0000033
	CR_WRITE cr0, 0xe0000033
	CR_WRITE cr0, 0xc0000033
	CR_WRITE cr0, 0x180000033
	CR_WRITE cr0, 0x80001033
	CR_WRITE cr2, 0x8000000000000000
	CR_WRITE cr2, 0x123456789abcdef0
	CR_WRITE cr4, 0x6a0
	CR_WRITE cr4, 0x630
	CR_WRITE cr4, 0x624
	CR_WRITE cr4, 0x62c
	CR_WRITE cr4, 0x10620
	CR_WRITE cr4, 0x100620
	CR_WRITE cr4, 0x300620
	CR_WRITE cr4, 0x400620
	CR_WRITE cr8, 7
	CR_WRITE cr8, 15
	CR_WRITE cr8, 16
	CASE "mov cr3 keeps PWT and PCD", K64
	mov rax, cr3
	or eax, 0x18
	mov cr3, rax
	mov rcx, cr3
	sub rcx, rax
	ENDCASE
	CASE32 "mov cr3 ignores the ModRM mode", K64|K32
	db 0x0f, 0x20, 0x18
	db 0x0f, 0x22, 0x18
	ENDCASE
	LINE32 "lock mov from cr0", ALL64|ALL32, db 0xf0, 0x0f, 0x20, 0xe0
	CASE32 "lmsw sets", ALL64|ALL32
	mov ecx, 0x3f
	lmsw cx
	smsw eax
	ENDCASE
	CASE32 "lmsw does not clear PE", ALL64|ALL32
	xor ecx, ecx
	lmsw cx
	smsw eax
	ENDCASE
	CASE32 "lmsw of memory", ALL64|ALL32
	mov dword [esi], 0x0b
	lmsw [esi]
	smsw eax
	ENDCASE
	CASE32 "clts", ALL64|ALL32
	SETUP
	mov rax, cr0
	or eax, 8
	mov cr0, rax
	BODY
	clts
	smsw eax
	ENDCASE

; --- debug registers -------------------------------------------------------------------------------------------------
%macro DR_WRITE 2
	%defstr %%r %1
	%defstr %%v %2
	%strcat %%name "mov ", %%r, ", ", %%v
	CASE %%name, ALL64
	mov rax, %2
	mov %1, rax
	mov rcx, %1
	ENDCASE
%endmacro
	DR_WRITE dr0, 0x123456789abcdef0
	DR_WRITE dr3, 0x8000000000000000
	DR_WRITE dr6, 0
	DR_WRITE dr6, 0xffffffff
	DR_WRITE dr6, 0x100000000
	DR_WRITE dr7, 0
	DR_WRITE dr7, 0x100000000
	DR_WRITE dr7, 0x0000dc00
	LINE32 "mov from dr4", ALL64|ALL32, db 0x0f, 0x21, 0xe0
	LINE32 "mov from dr5", ALL64|ALL32, db 0x0f, 0x21, 0xe8
	CASE32 "mov from dr4 with DE", ALL64|ALL32
	SETUP
	mov eax, 0x628
	mov cr4, rax
	BODY
	db 0x0f, 0x21, 0xe0
	ENDCASE
	CASE32 "mov to dr5 with DE", ALL64|ALL32
	SETUP
	mov eax, 0x628
	mov cr4, rax
	BODY
	db 0x0f, 0x23, 0xe8
	ENDCASE
	LINE "mov from dr8", ALL64, db 0x44, 0x0f, 0x21, 0xc0

; --- fast system calls -------------------------------------------------------------------------------------------------
	LINE32 "syscall", ALL64, syscall
	CASE "syscall without SCE", ALL64
	SETUP
	mov ecx, 0xc0000080
	mov eax, 0x900
	xor edx, edx
	wrmsr
	BODY
	syscall
	ENDCASE
	CASE "syscall masks flags", ALL64
	SETUP
	mov ecx, 0xc0000084
	mov eax, 0xc50
	xor edx, edx
	wrmsr
	BODY
	pushf
	or dword [rsp], 0xcd5
	popf
	syscall
	ENDCASE
	CASE "sysretq", ALL64
	lea rcx, [rel %$there + UOFS]
	mov r11d, 0x246
	o64 sysret
%$there:
	ENDCASE
	CASE "sysretl", ALL64
	lea rcx, [rel %$there + UOFS]
	mov r11d, 0x246
	sysret
%$there:
	ENDCASE
	CASE "sysretq of flags", K64
	lea rcx, [rel %$there + UOFS]
	mov r11, -1
	xor r11d, 0x100
	o64 sysret
%$there:
	ENDCASE
	CASE "sysretq without SCE", K64
	SETUP
	mov ecx, 0xc0000080
	mov eax, 0x900
	xor edx, edx
	wrmsr
	BODY
	o64 sysret
	ENDCASE
	CASE "sysretq to what is not canonical", K64
	mov rcx, 1 << 47
	mov r11d, 0x202
	o64 sysret
	ENDCASE
	LINE32 "sysenter", ALL64|ALL32, sysenter
	CASE32 "sysenter without a selector", ALL64|ALL32
	SETUP
	mov ecx, 0x174
	xor eax, eax
	xor edx, edx
	wrmsr
	BODY
	sysenter
	ENDCASE
	CASE32 "sysexit", ALL64|ALL32
	call %$here
%$here:
	pop edx
	add edx, %$there - %$here + UOFS
	mov ecx, esp
	sysexit
%$there:
	ENDCASE
	CASE "sysexit to 64-bit code", ALL64
	lea rdx, [rel %$there + UOFS]
	mov rcx, rsp
	o64 sysexit
%$there:
	ENDCASE
	CASE "sysexit to what is not canonical", K64
	mov rdx, 1 << 47
	mov rcx, rsp
	o64 sysexit
	ENDCASE

; --- model-specific registers -----------------------------------------------------------------------------------------

%macro RDMSR_ 1
	%defstr %%n %1
	%strcat %%name "rdmsr ", %%n
	CASE32 %%name, K64|U64|U32
	mov ecx, %1
	rdmsr
	ENDCASE
%endmacro
	RDMSR_ 0xc0000080
	RDMSR_ 0xc0000081
	RDMSR_ 0xc0000082
	RDMSR_ 0xc0000084
	RDMSR_ 0xc0000100
	RDMSR_ 0xc0000102
	RDMSR_ 0x174
	RDMSR_ 0x277
	RDMSR_ 0x1b
	RDMSR_ 0x12345678
%macro WRMSR_ 2
	%defstr %%n %1
	%defstr %%v %2
	%strcat %%name "wrmsr ", %%n, ", ", %%v
	CASE %%name, ALL64
	mov ecx, %1
	mov eax, (%2) & 0xffffffff
	mov edx, (%2) >> 32
	wrmsr
	xor eax, eax
	xor edx, edx
	rdmsr
	ENDCASE
%endmacro
	WRMSR_ 0xc0000080, 0x901
	WRMSR_ 0xc0000080, 0x101
	WRMSR_ 0xc0000080, 0x801
	WRMSR_ 0xc0000080, 0x903
	WRMSR_ 0xc0000081, 0x123456789abcdef0
	WRMSR_ 0xc0000082, 0x7fffffffffff
	WRMSR_ 0xc0000082, 0x800000000000
	WRMSR_ 0xc0000083, 0x800000000000
	WRMSR_ 0xc0000084, 0xffffffff
	WRMSR_ 0xc0000100, 0x800000000000
	WRMSR_ 0xc0000100, 0x123456789abc
	WRMSR_ 0xc0000101, 0x8000000000000000
	WRMSR_ 0xc0000102, 0x800000000000
	WRMSR_ 0xc0000102, 0x1234
	WRMSR_ 0xc0000103, 0x1234
	WRMSR_ 0x174, 0x1234
	WRMSR_ 0x175, 0x800000000000
	WRMSR_ 0x176, 0x800000000000
	WRMSR_ 0x277, 0x0007040600070406
	WRMSR_ 0x277, 0x0007040600070402
	WRMSR_ 0x277, 0x0807040600070406
	WRMSR_ 0x12345678, 1
	CASE "swapgs", ALL64
	SETUP
	mov ecx, 0xc0000102
	mov eax, 0x5678
	mov edx, 0x1234
	wrmsr
	BODY
	swapgs
	mov ecx, 0xc0000101
	rdmsr
	ENDCASE
	LINE32 "swapgs outside 64-bit mode", ALL32, db 0x0f, 0x01, 0xf8
	LINE "rdfsbase without FSGSBASE", ALL64, rdfsbase rax
	CASE "rdfsbase and wrgsbase", ALL64
	SETUP
	mov eax, 0x10620
	mov cr4, rax
	BODY
	mov rax, 0x123456789abc
	wrfsbase rax
	rdfsbase rcx
	wrgsbase eax
	rdgsbase rdx
	rdfsbase ebp
	ENDCASE
	CASE "wrfsbase of what is not canonical", ALL64
	SETUP
	mov eax, 0x10620
	mov cr4, rax
	BODY
	mov rax, 1 << 47
	wrfsbase rax
	ENDCASE
	CASE32 "rdfsbase outside 64-bit mode", ALL32
	SETUP
	mov eax, 0x10620
	mov cr4, rax
	BODY
	db 0xf3, 0x0f, 0xae, 0xc0
	ENDCASE
	CASE "a null selector clears the base", ALL64
	SETUP
	mov ecx, 0xc0000100
	mov eax, 0x5678
	xor edx, edx
	wrmsr
	mov eax, 0x10620
	mov cr4, rax
	BODY
	xor eax, eax
	mov fs, eax
	rdfsbase rcx
	ENDCASE

; --- privilege -----------------------------------------------------------------------------------------------------------
	LINE32 "hlt at CPL 3", U64|U32|U16, hlt
	LINE32 "invd", ALL64|ALL32, invd
	LINE32 "wbinvd", ALL64|ALL32, wbinvd
	LINE32 "invlpg", ALL64|ALL32, invlpg [esi]
	CASE "invlpg of what is not canonical", ALL64
	mov rax, 1 << 63
	invlpg [rax]
	ENDCASE
	LINE32 "invlpg of a register", ALL64|ALL32, db 0x0f, 0x01, 0xfa
	CASE32 "rdtsc with TSD", U64|U32
	SETUP
	mov eax, 0x624
	mov cr4, rax
	BODY
	rdtsc
	ENDCASE
	CASE32 "rdtscp with TSD", U64|U32
	SETUP
	mov eax, 0x624
	mov cr4, rax
	BODY
	rdtscp
	ENDCASE
	LINE32 "clac", ALL64|ALL32, db 0x0f, 0x01, 0xca
	CASE32 "stac", ALL64|ALL32
	SETUP
	mov eax, 0x200620
	mov cr4, rax
	BODY
	db 0x0f, 0x01, 0xcb
	ENDCASE
	LINE32 "rdpkru without PKE", ALL64|ALL32, db 0x0f, 0x01, 0xee
	CASE32 "wrpkru and rdpkru", ALL64|ALL32
	SETUP
	mov eax, 0x400620
	mov cr4, rax
	BODY
	mov eax, 0x12340000
	xor ecx, ecx
	xor edx, edx
	db 0x0f, 0x01, 0xef
	xor eax, eax
	db 0x0f, 0x01, 0xee
	mov ebp, eax
	xor eax, eax
	db 0x0f, 0x01, 0xef
	ENDCASE
	CASE32 "rdpkru with ecx", ALL64|ALL32
	SETUP
	mov eax, 0x400620
	mov cr4, rax
	BODY
	mov ecx, 1
	db 0x0f, 0x01, 0xee
	ENDCASE
	CASE32 "wrpkru with edx", ALL64|ALL32
	SETUP
	mov eax, 0x400620
	mov cr4, rax
	BODY
	xor ecx, ecx
	mov edx, 1
	db 0x0f, 0x01, 0xef
	ENDCASE
	LINE32 "xgetbv without OSXSAVE", ALL64|ALL32, xgetbv
	LINE32 "xsetbv without OSXSAVE", ALL64|ALL32, xsetbv
	CASE32 "xgetbv", ALL64|ALL32
	SETUP
	mov eax, 0x40620
	mov cr4, rax
	BODY
	xor ecx, ecx
	xgetbv
	ENDCASE
	CASE32 "xgetbv of what is not there", ALL64|ALL32
	SETUP
	mov eax, 0x40620
	mov cr4, rax
	BODY
	mov ecx, 2
	xgetbv
	ENDCASE
%macro XSETBV_ 1
	%defstr %%v %1
	%strcat %%name "xsetbv ", %%v
	CASE32 %%name, ALL64|ALL32
	SETUP
	mov eax, 0x40620
	mov cr4, rax
	BODY
	xor ecx, ecx
	xor edx, edx
	mov eax, %1
	xsetbv
	mov eax, 1
	xsetbv
	ENDCASE
%endmacro
	XSETBV_ 0
	XSETBV_ 1
	XSETBV_ 2
	XSETBV_ 3
	XSETBV_ 5
	LINE32 "monitor", U64|U32, monitor
	LINE32 "mwait", U64|U32, mwait

; --- flags and ports ---------------------------------------------------------------------------------------------------
%macro IOPL_CASE 3 ; name, IOPL, instruction
	%defstr %%i %2
	%strcat %%name %1, " with IOPL ", %%i
	CASE32 %%name, ALL64|ALL32
	SETUP
	mov dword [iopl], %2
	GATE 0x40, set_iopl, 0xee, 0
	BODY
	int 0x40
	%3
	pushf
	pop eax
	ENDCASE
%endmacro
%macro IOPLS 2
	IOPL_CASE %1, 0, {%2}
	IOPL_CASE %1, 2, {%2}
	IOPL_CASE %1, 3, {%2}
%endmacro
	IOPLS "cli", cli
	IOPLS "sti", sti
	IOPLS "in", {in al, 0x80}
	IOPLS "out", {out dx, al}
	CASE32 "popf by IOPL", ALL64|ALL32
	push strict dword 0x3cd7
	popf
	pushf
	pop eax
	push strict dword 0x2
	popf
	pushf
	pop ecx
	ENDCASE
	CASE32 "popf of 16 bits", ALL64|ALL32
	o16 push strict word 0x3cd7
	o16 popf
	pushf
	pop eax
	ENDCASE
	CASE32 "popf of AC, ID, VM, RF", ALL64|ALL32
	push strict dword 0x270202
	popf
	pushf
	pop eax
	push strict dword 0x202
	popf
	ENDCASE
%macro BITMAP 2 ; port, instruction
	%defstr %%p %1
	%defstr %%i %2
	%strcat %%name "bitmap: port ", %%p, " ", %%i
	CASE32 %%name, U64|U32
	SETUP
	mov eax, TSS2
	ltr ax
	mov byte [tss + 0x68 + 0x80/8], 0xfe ; 0x80 only
	mov byte [tss + 0x68 + 0x90/8], 0xf0 ; 0x90 to 0x93
	mov byte [tss + 0x68 + 0xa0/8], 0x7f ; 0xa7 and
	mov byte [tss + 0x68 + 0xa8/8], 0xfe ; 0xa8
	BODY
	mov edx, %1
	xor eax, eax
	%2
	mov eax, 0
	ENDCASE
%endmacro
%macro BITMAPS 1
	BITMAP %1, {in al, dx}
	BITMAP %1, {in ax, dx}
	BITMAP %1, {in eax, dx}
%endmacro
	BITMAPS 0x80
	BITMAPS 0x81
	BITMAPS 0x90
	BITMAPS 0x92
	BITMAPS 0xa7
	BITMAPS 0xffff
	BITMAP 0x80, insb
	BITMAP 0x81, insb
	BITMAP 0x81, {rep insb}
	BITMAP 0x80, outsb
	CASE32 "rep outsb without a port and a count", U64|U32
	xor ecx, ecx
	rep outsb
	ENDCASE

	section .data
iopl:
	dd 0
	section .text
	bits 64
set_iopl: ; returns with IOPL as iopl says
	and qword [rsp + 16], ~0x3000
	push rax
	mov eax, [abs iopl]
	shl eax, 12
	or [rsp + 24], rax
	pop rax
	iretq
