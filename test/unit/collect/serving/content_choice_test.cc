// SPDX-License-Identifier: Apache-2.0
//
// Which form of a page the Accept fields of a request want.
#include <array>
#include <string>

#include "collect/serving/content_choice.h"
#include "unit/catch.h"

using tcpinfo::collect::wanted;

namespace {

constexpr const char* plain = "text/plain; version=0.0.4; charset=utf-8";
constexpr const char* open = "application/openmetrics-text; version=1.0.0; charset=utf-8";

struct accept_case {
  const char* accept;
  unsigned plain;
  unsigned open;
};

}  // namespace

TEST_CASE("The most specific range of Accept tells how much a content type is wanted") {
  const std::array cases = {
      // What Prometheus 2.42 sends, 3.0 and a browser.
      accept_case{"application/openmetrics-text;version=1.0.0,application/openmetrics-text;"
                  "version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                  500, 1000},
      accept_case{"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
                  "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;"
                  "escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                  300, 600},
      accept_case{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", 800, 800},
      accept_case{"*/*", 1000, 1000},
      accept_case{"text/*;q=0.3", 300, 0},
      accept_case{"application/json", 0, 0},
      accept_case{"text/plain;q=0, */*", 0, 1000},
      accept_case{"*/*;q=0.5, text/plain ; Q=0.75", 750, 500},
      accept_case{"TEXT/Plain; Version=\"0.0.4\"", 1000, 0},
      accept_case{"text/plain;version=0.0.3", 0, 0},
      // An element that is not well formed is passed over, and a comma in quotes ends none.
      accept_case{"text/plain;q=2, */*;q=0.1", 100, 100},
      accept_case{"text/plain;q=0.1234, */*;q=1.", 1000, 1000},
      accept_case{"text/plain;a=\"x\\\",*/*;q=1\";q=0.2", 200, 0},
      accept_case{"", 0, 0},
      accept_case{",,;,\"", 0, 0},
  };
  for (const accept_case& one : cases) {
    INFO(one.accept);
    const std::string fields = std::string("Host: a\r\naccept:") + one.accept + "\r\nTE: b\r\n";
    CHECK(wanted(fields, plain) == one.plain);
    CHECK(wanted(fields, open) == one.open);
  }
  CHECK(wanted("", plain) == 1000);
  CHECK(wanted("Host: a\r\nX-Accept: text/html\r\n", open) == 1000);
  // Two fields are one list.
  CHECK(wanted("Accept: text/html\nAccept: text/plain;q=0.4\n", plain) == 400);
}
