package azdo

import (
	"encoding/binary"
	"math/bits"
)

// marvin32 is Microsoft's Marvin checksum, as in SymCrypt
// (https://github.com/microsoft/SymCrypt, lib/marvin32.c) and .NET's string
// hashing. It returns the upper and the lower half of the 64-bit result.
func marvin32(seed uint64, data []byte) (hi, lo uint32) {
	a, b := uint32(seed), uint32(seed>>32)
	mix := func(word uint32) {
		a += word
		b ^= a
		a = bits.RotateLeft32(a, 20) + b
		b = bits.RotateLeft32(b, 9) ^ a
		a = bits.RotateLeft32(a, 27) + b
		b = bits.RotateLeft32(b, 19)
	}
	for ; len(data) >= 4; data = data[4:] {
		mix(binary.LittleEndian.Uint32(data))
	}
	var tail [4]byte
	tail[copy(tail[:], data)] = 0x80
	mix(binary.LittleEndian.Uint32(tail[:]))
	mix(0)
	return b, a
}
