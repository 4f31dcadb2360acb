// SPDX-License-Identifier: Apache-2.0
//
// Stands in for tar_members.cc where there is no libarchive.
#include <cstdlib>
#include <string>

#include "offline/inputs/sources/tar_members.h"

namespace tcpinfo::offline {

struct tar_members::impl {};

bool reads_tar() { return false; }

tar_members::tar_members() = default;
tar_members::~tar_members() = default;
void tar_members::open(byte_source&) {}
bool tar_members::next(std::string&) { return false; }
byte_source& tar_members::content() { std::abort(); }
const std::string& tar_members::damage() const noexcept {
  static const std::string none;
  return none;
}
std::string tar_members::fault() const { return {}; }

}  // namespace tcpinfo::offline
