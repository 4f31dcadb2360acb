// SPDX-License-Identifier: Apache-2.0
//
// Recorded archives, and fields by their names, for tests of the interface for C.
#ifndef TCPINFO_TEST_UNIT_GOLDEN_ARCHIVE_H
#define TCPINFO_TEST_UNIT_GOLDEN_ARCHIVE_H

#include <tcpinfo/c.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "unit/catch.h"

/// The text of an archive in test/golden/own.
inline std::string golden(const char* name) {
  const char* folder = std::getenv("TCPINFO_GOLDEN");
  REQUIRE(folder != nullptr);
  std::ifstream in(std::string(folder) + "/own/" + name, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  REQUIRE_FALSE(text.str().empty());
  return text.str();
}

inline std::uint32_t field_id_of(const char* name) {
  tcpinfo_field field;
  TCPINFO_INIT(field);
  REQUIRE(tcpinfo_field_by_name(name, &field) == 0);
  return field.id;
}

#endif
