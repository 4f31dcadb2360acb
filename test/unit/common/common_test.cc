// SPDX-License-Identifier: Apache-2.0
#include <tcpinfo/callback.h>
#include <tcpinfo/error.h>
#include <tcpinfo/version.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "common/known_part.h"
#include "common/sequences.h"
#include "unit/catch.h"

using namespace tcpinfo;

TEST_CASE("error codes have a category and a text each") {
  const std::error_code ec = tcpinfo::errc::bad_base64;
  CHECK(ec);
  CHECK(std::string(ec.category().name()) == "tcpinfo");
  CHECK(ec.message() == "bad base64");
  CHECK_FALSE(std::error_code(tcpinfo::errc::ok));
  CHECK(std::error_code() == tcpinfo::errc::ok);
  CHECK(std::error_code(errc::invalid_argument) == std::errc::invalid_argument);
  CHECK(std::error_code(errc::out_of_memory) == std::errc::not_enough_memory);
  CHECK(std::error_code(errc::busy) == std::errc::device_or_resource_busy);
  CHECK(std::error_code(errc::buffer_too_small) == std::errc::no_buffer_space);
  CHECK(std::error_code(errc::bad_json) != std::errc::invalid_argument);
  for (int value = 1; value <= static_cast<int>(tcpinfo::errc::unknown_feature); ++value)
    CHECK(std::error_code(value, tcpinfo::error_category()).message().rfind("unknown", 0) != 0);
}

TEST_CASE("archives are missing between two sequences of a run, and before the first of one") {
  constexpr std::uint64_t run = sequences_of_a_run;
  CHECK(missing_between(0, 1) == 0);
  CHECK(missing_between(0, 4) == 3);
  CHECK(missing_between(4, run) == 0);
  CHECK(missing_between(4, 3 * run) == 0);
  CHECK(missing_between(4, run + 2) == 2);
  CHECK(missing_between(run, run + 1) == 0);
  CHECK(missing_between(run + 1, run + 4) == 2);
  CHECK(missing_between(run - 1, run) == 0);
  CHECK(missing_between(0, ~std::uint64_t{0}) == ~std::uint64_t{0} % run);
}

TEST_CASE("the version of the library is that of the headers") {
  CHECK(tcpinfo::version_string() == std::to_string(TCPINFO_VERSION_MAJOR) + "." +
                                         std::to_string(TCPINFO_VERSION_MINOR) + "." +
                                         std::to_string(TCPINFO_VERSION_PATCH));
#if TCPINFO_VERSION_NUMBER < 200 || TCPINFO_VERSION_NUMBER >= 1000000
#error "a number that #if can compare"
#endif
  CHECK(TCPINFO_VERSION_NUMBER / 10000 == TCPINFO_VERSION_MAJOR);
  CHECK(TCPINFO_VERSION_NUMBER / 100 % 100 == TCPINFO_VERSION_MINOR);
  CHECK(TCPINFO_VERSION_NUMBER % 100 == TCPINFO_VERSION_PATCH);
}

TEST_CASE("a function object is a callback if it answers what a callback answers") {
  int calls = 0;
  const auto silent = [&calls](const int& n) { calls += n; };
  auto stopping = [&calls](const int& n) {
    calls += n;
    return n == 2 ? iteration::stop : iteration::go_on;
  };
  const auto guess = [](const int&) { return true; };
  static_assert(
      !visitor<void(const int&), int>);  // nothing can point at a function as at an object
  static_assert(visitor<void (*)(const int&), int>);
  static_assert(visitor<decltype(silent), int>);
  static_assert(visitor<decltype(stopping), int>);
  static_assert(!visitor<decltype(guess), int>);
  static_assert(!visitor<decltype(silent), std::string>);
  using call = iteration (*)(void*, const int&) noexcept;
  const call first = visit_with<decltype(silent), int>;
  CHECK(first(visitor_of(silent), 1) == iteration::go_on);
  const call second = visit_with<decltype(stopping), int>;
  CHECK(second(visitor_of(stopping), 1) == iteration::go_on);
  CHECK(second(visitor_of(stopping), 2) == iteration::stop);
  CHECK(calls == 4);
}

TEST_CASE("a struct of options from a newer header may ask for nothing unknown here") {
  struct known {
    std::size_t size = sizeof(known);
    std::uint64_t first = 7;
    std::uint64_t second = 8;
  };
  struct newer {
    known old;
    std::uint64_t third = 0;
  } given;
  given.old.size = sizeof given;
  given.old.first = 1;
  const known& seen = reinterpret_cast<const known&>(given);
  known out;
  CHECK_FALSE(read_known(seen, out));
  CHECK((out.first == 1 && out.second == 8 && out.size == sizeof out));
  given.third = std::uint64_t{1} << 63U;
  given.old.first = 2;
  CHECK(read_known(seen, out) == errc::invalid_argument);
  CHECK(out.first == 1);
  // An older one: what it lacks has its default.
  given.old.size = offsetof(known, second);
  given.old.second = 99;
  CHECK_FALSE(read_known(seen, out));
  CHECK((out.first == 2 && out.second == 8));
  for (const std::size_t size : {0U, 1U, 7U}) {
    given.old.size = size;
    CHECK(read_known(seen, out) == errc::invalid_argument);
  }
}
