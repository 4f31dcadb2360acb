// SPDX-License-Identifier: Apache-2.0
//
// The form that all reading has, with a reader made here; each module's test has its own reader.
#include <tcpinfo/bytes.h>
#include <tcpinfo/error.h>
#include <tcpinfo/items.h>

#include <cerrno>
#include <iterator>
#include <string>
#include <vector>

#include "unit/catch.h"

using namespace tcpinfo;

namespace {

// What a reader would meet, one letter a step: a value 'v', a fault 'f', a last fault 'F', nothing
// yet 'n'.
struct scripted {
  using value_type = std::size_t;
  std::string_view script;
  std::size_t* steps;

  read_status operator()(std::size_t& out, std::error_code& fault, read_place& place,
                         bool& last) noexcept {
    const std::size_t at = (*steps)++;
    place = {at + 1, at * 10};
    if (at >= script.size()) return read_status::end;
    if (script[at] == 'n') return read_status::not_yet;
    if (script[at] == 'v') {
      out = at;
      return read_status::value;
    }
    fault = errc::bad_json;
    last = script[at] == 'F';
    return read_status::fault;
  }
};
using scripted_items = read_range<scripted>;

static_assert(std::input_iterator<scripted_items::iterator>);
static_assert(std::sentinel_for<std::default_sentinel_t, scripted_items::iterator>);
static_assert(!std::is_copy_constructible_v<scripted_items>);

std::string read_all(scripted_items& items) {
  std::string seen;
  for (const auto& item : items) {
    seen += item ? 'v' : item.status() == read_status::fault ? 'f' : '?';
    CHECK(static_cast<bool>(item) == (item.status() == read_status::value));
    CHECK(static_cast<bool>(item.error()) == !item);
    if (item) CHECK(item.place() == read_place{*item + 1, *item * 10});
    if (item) CHECK(&item.value() == item.operator->());
  }
  return seen;
}

}  // namespace

TEST_CASE("a range of items ends where reading ends") {
  std::size_t steps = 0;
  scripted_items items({"vfvF", &steps});
  CHECK(read_all(items) == "vfvf");
  CHECK(items.status() == read_status::end);
  CHECK(steps == 4);  // the reader said that nothing follows
  CHECK(items.next().status() == read_status::end);
  CHECK(read_all(items).empty());
  CHECK(steps == 4);

  steps = 0;
  scripted_items nothing({"", &steps});
  CHECK(read_all(nothing).empty());
  CHECK(nothing.status() == read_status::end);
}

TEST_CASE("a loop over what has come ends, and another goes on") {
  std::size_t steps = 0;
  scripted_items items({"vvnnv", &steps});
  CHECK(read_all(items) == "vv");
  CHECK(items.status() == read_status::not_yet);
  CHECK(read_all(items).empty());
  CHECK(items.status() == read_status::not_yet);
  CHECK(read_all(items) == "v");
  CHECK(items.status() == read_status::end);
}

TEST_CASE("a caller's value is used where one is given") {
  std::size_t steps = 0;
  std::size_t mine = 77;
  scripted_items items({"v", &steps}, mine);
  CHECK(&items.next().value() == &mine);
  CHECK(mine == 0);
}

TEST_CASE("only temporaries that own what they hold are refused") {
  static_assert(owning_temporary<std::string>);
  static_assert(owning_temporary<std::vector<std::byte>>);
  static_assert(!owning_temporary<std::string&>);
  static_assert(!owning_temporary<std::string_view>);
  static_assert(!owning_temporary<bytes_view>);
}
