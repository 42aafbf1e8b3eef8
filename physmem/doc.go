// Package physmem is the guest's physical memory: RAM from address 0, of any size up to 64 GiB, in one reservation of
// host address space. The host gives memory for a frame when the frame is first touched, so that a machine costs what
// its guest uses.
//
// Map adds RAM elsewhere, MapDevice a device that answers for its addresses (Read, Write); frames exist for RAM alone.
//
// Physical addresses without RAM or a device behind them are answered as an idle bus answers: reads give ones, writes are dropped.
//
// A frame from which code was decoded can be marked; the first write to it that the memory is told of (NotifyWrite) clears
// the mark and calls OnCodeWrite. The MMU tells it of every store that goes through page tables.
package physmem
