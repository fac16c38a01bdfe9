package server

import "hash/crc32"

// shift is the linear map over GF(2) that a run of bytes of a certain length
// applies to the CRC-32 of what came before it; column i is the image of bit i.
//
// With it the checksum of two texts in a row follows from their own checksums,
// so that the gzip body of the index can be put together from parts that were
// compressed, and checksummed, one by one.
type shift [32]uint32

func (m *shift) apply(crc uint32) uint32 {
	var sum uint32
	for i := 0; crc != 0; i, crc = i+1, crc>>1 {
		if crc&1 != 0 {
			sum ^= m[i]
		}
	}
	return sum
}

// then returns the map of m followed by next.
func (m *shift) then(next *shift) *shift {
	var product shift
	for i := range m {
		product[i] = next.apply(m[i])
	}
	return &product
}

// shiftBy returns the map of n bytes, by repeated squaring.
func shiftBy(n int) *shift {
	var bit, identity shift
	bit[0] = crc32.IEEE
	for i := range identity {
		identity[i] = 1 << i
		if i > 0 {
			bit[i] = 1 << (i - 1)
		}
	}
	power := &bit
	for range 3 { // one bit to eight
		power = power.then(power)
	}
	result := &identity
	for ; n > 0; n >>= 1 {
		if n&1 != 0 {
			result = result.then(power)
		}
		power = power.then(power)
	}
	return result
}

// joinCRC returns the checksum of a text of checksum a followed by one of
// checksum b, whose length the shift is for.
func joinCRC(a, b uint32, length *shift) uint32 { return length.apply(a) ^ b }
