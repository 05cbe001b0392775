package emulator

import (
	"encoding/binary"
	"math/bits"
)

// checksumSeed is "Default0", the seed of Azure DevOps' 84-character tokens.
// Source: IdentifiableSecrets.cs in https://github.com/microsoft/security-utilities.
const checksumSeed = 0x44656661756C7430

// marvin32 is Microsoft's keyed hash folded to 32 bits (high XOR low half).
// Source: SymCrypt, lib/marvin32.c, https://github.com/microsoft/SymCrypt.
func marvin32(seed uint64, data []byte) uint32 {
	a, b := uint32(seed), uint32(seed>>32)
	for len(data) >= 4 {
		a, b = marvinRound(a, b, binary.LittleEndian.Uint32(data))
		data = data[4:]
	}
	// The tail is closed by one bit, so that "x" and "x\0" differ.
	var tail [4]byte
	copy(tail[:], data)
	tail[len(data)] = 0x80
	a, b = marvinRound(a, b, binary.LittleEndian.Uint32(tail[:]))
	a, b = marvinRound(a, b, 0)
	return a ^ b
}

// marvinRound mixes one word into the two halves of the state.
func marvinRound(a, b, word uint32) (uint32, uint32) {
	a += word
	b ^= a
	a = bits.RotateLeft32(a, 20) + b
	b = bits.RotateLeft32(b, 9) ^ a
	a = bits.RotateLeft32(a, 27) + b
	b = bits.RotateLeft32(b, 19)
	return a, b
}
