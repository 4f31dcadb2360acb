// SPDX-License-Identifier: Apache-2.0
//
// What pack was told to pack, and what became of each archive.
#ifndef TCPINFO_OFFLINE_PACKING_PACK_INPUTS_H
#define TCPINFO_OFFLINE_PACKING_PACK_INPUTS_H

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "offline/packing/path_key.h"

namespace tcpinfo::offline {

/// What was named, and the paths that files below have in segments: relative to the folder; of a
/// file that was named itself, its name.
class pack_inputs {
 public:
  explicit pack_inputs(const std::vector<std::string>& named);

  [[nodiscard]] std::size_t size() const noexcept { return inputs_.size(); }
  [[nodiscard]] const std::string& named(std::size_t input) const { return inputs_[input].named; }
  /// The path in segments of a file that a walk of this input gave.
  [[nodiscard]] static std::string_view inner_path(const std::string& named,
                                                   const std::string& file);
  [[nodiscard]] std::string_view inner_path(std::size_t input, const std::string& file) const {
    return inner_path(inputs_[input].named, file);
  }
  /// The file of that path in segments.
  [[nodiscard]] std::string file_of(std::size_t input, std::string_view inner) const;
  /// The first input that has a file of that path in segments; size() where none has.
  [[nodiscard]] std::size_t find(std::string_view inner) const;
  /// The folder that was named, empty for a file.
  [[nodiscard]] const std::string& folder(std::size_t input) const { return inputs_[input].folder; }

 private:
  struct named_input {
    std::string named;
    std::string folder;  // with a slash behind; empty for a file
  };
  std::vector<named_input> inputs_;
  std::vector<std::size_t> folders_;
  std::unordered_map<std::string_view, std::size_t> files_;  // by name
};

enum class pack_state : std::uint8_t {
  unknown,    ///< no segment has it
  beginning,  ///< segments have its first lines
  whole,      ///< segments have all of it
  other,      ///< segments have another archive of that path
};

/// What is known of an archive. Small, because there may be millions.
struct pack_entry {
  std::uint64_t lines = 0;     ///< that segments have
  std::uint64_t identity = 0;  ///< of the file when it was compared
  std::uint32_t input = 0;
  pack_state state = pack_state::unknown;
  bool seen = false;     ///< the walk has come by
  bool damaged = false;  ///< what segments have is what is good of it
  bool changed = false;  ///< between two comparisons: no file holds all that was compared
  bool told = false;     ///< that it is not what its file holds
};
using pack_table = std::unordered_map<path_key, pack_entry, path_key_hash>;

}  // namespace tcpinfo::offline

#endif
