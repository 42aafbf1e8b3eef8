# What build.sh and record.sh share: programs without a C run-time that are built for Linux as well, with the same flags.
flags() { # PROGRAM
	printf '%s ' -O2 -nostdlib -ffreestanding -e start -fno-math-errno -fno-tree-loop-distribute-patterns -fno-stack-protector \
		-fno-asynchronous-unwind-tables
	case $1 in
	vec) echo -march=x86-64-v2 -mtune=generic -ftree-vectorize -fvect-cost-model=dynamic -fwrapv ;;
	x87) echo -std=gnu11 -mfpmath=387 -fexcess-precision=standard ;;
	esac
}
