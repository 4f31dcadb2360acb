// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_OFFLINE_PLOTTING_PACKED_NUMBERS_H
#define TCPINFO_OFFLINE_PLOTTING_PACKED_NUMBERS_H

#include <span>
#include <string>

namespace tcpinfo::offline {

/// Appends numbers as a JSON object: {"type":"u16","base":1448,"data":"…"}, where data is base64 of
/// as many little-endian numbers. Whole numbers that lie close together take 1, 2 or 4 bytes each,
/// above `base`, and the largest that fits stands for no_value; "f64" are IEEE 754 doubles without
/// a base, NaN for no_value. Where no number has a value: null. Exact up to 2^53.
void append_packed(std::string& to, std::span<const double> numbers);

}  // namespace tcpinfo::offline

#endif
