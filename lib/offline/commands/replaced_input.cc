// SPDX-License-Identifier: Apache-2.0
#include "offline/commands/replaced_input.h"

#include <sys/stat.h>

#include "offline/inputs/inputs.h"

namespace tcpinfo::offline {

const std::string* replaced_input(const std::string& output,
                                  const std::vector<std::string>& paths) {
  struct stat target {};
  if (stat(output.c_str(), &target) != 0 || !S_ISREG(target.st_mode)) return nullptr;
  for (const std::string& path : paths) {
    struct stat input {};
    if (path != stdin_path && stat(path.c_str(), &input) == 0 && input.st_dev == target.st_dev &&
        input.st_ino == target.st_ino)
      return &path;
  }
  return nullptr;
}

}  // namespace tcpinfo::offline
