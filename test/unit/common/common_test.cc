// SPDX-License-Identifier: Apache-2.0
#include <tcpinfo/error.h>
#include <tcpinfo/version.h>

#include <string>

#include "unit/catch.h"

TEST_CASE("error codes have a category and a text each") {
  const std::error_code ec = tcpinfo::errc::bad_base64;
  CHECK(ec);
  CHECK(std::string(ec.category().name()) == "tcpinfo");
  CHECK(ec.message() == "bad base64");
  CHECK_FALSE(std::error_code(tcpinfo::errc::ok));
  for (int value = 1; value <= static_cast<int>(tcpinfo::errc::wrong_checksum); ++value)
    CHECK(std::error_code(value, tcpinfo::error_category()).message().rfind("unknown", 0) != 0);
}

TEST_CASE("the version of the library is that of the headers") {
  CHECK(tcpinfo::version_string() == std::to_string(TCPINFO_VERSION_MAJOR) + "." +
                                         std::to_string(TCPINFO_VERSION_MINOR) + "." +
                                         std::to_string(TCPINFO_VERSION_PATCH));
}
