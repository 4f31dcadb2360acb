// SPDX-License-Identifier: Apache-2.0
//
// Stands in for gzip_source.cc where there is no zlib.
#include "offline/inputs/sources/gzip_source.h"

namespace tcpinfo::offline {

struct gzip_source::impl {};

bool reads_gzip() { return false; }

gzip_source::gzip_source() = default;
gzip_source::~gzip_source() = default;
void gzip_source::open(byte_source&) {}
std::size_t gzip_source::read(std::span<std::byte>) { return 0; }
std::string gzip_source::fault() const { return {}; }

}  // namespace tcpinfo::offline
