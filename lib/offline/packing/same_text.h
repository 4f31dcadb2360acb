// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_OFFLINE_PACKING_SAME_TEXT_H
#define TCPINFO_OFFLINE_PACKING_SAME_TEXT_H

namespace tcpinfo::offline {

/// Whether two archives, zstd or plain, are whole and say the same byte for byte. Reads from where
/// the descriptors stand.
[[nodiscard]] bool have_same_text(int one, int other);

}  // namespace tcpinfo::offline

#endif
