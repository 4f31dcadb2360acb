// SPDX-License-Identifier: Apache-2.0
//
// What --publish takes, and that nothing secret is in what it says or keeps.
#include "collect/publish_url.h"

#include <sys/stat.h>

#include <fstream>

#include "collect/publishing/secret_file.h"
#include "unit/catch.h"
#include "unit/collect/scratch_directory.h"

using namespace tcpinfo::collect;

TEST_CASE("URLs of targets are taken apart") {
  publish_url url;
  CHECK(parse_publish_url("file:/srv/tcp info/", url).empty());
  CHECK(url.how == publish_by::file);
  CHECK(url.path == "/srv/tcp info");
  CHECK(url.name == "file:/srv/tcp info");
  CHECK_FALSE(url.tls);
  CHECK(parse_publish_url("file:///srv", url).empty());
  CHECK(url.name == "file:/srv");

  CHECK(parse_publish_url("https://[2001:db8::1]:8443/a/b/?ca=/etc/ca.pem&credentials=/run/c", url)
            .empty());
  CHECK(url.how == publish_by::https);
  CHECK(url.servers == "[2001:db8::1]:8443");
  CHECK(url.path == "a/b");
  CHECK(url.name == "https://[2001:db8::1]:8443/a/b");
  CHECK(url.ca == "/etc/ca.pem");
  CHECK(url.credentials == "/run/c");
  CHECK(url.tls);
  CHECK(parse_publish_url("https://host?ca=system", url).empty());
  CHECK(url.ca.empty());
  CHECK(url.tls);

  CHECK(
      parse_publish_url("nats://a:4222,b.example,c:1/tcp.blocks?credentials=/run/c", url).empty());
  CHECK(url.servers == "a:4222,b.example,c:1");
  CHECK(url.path == "tcp.blocks");
  CHECK_FALSE(url.tls);
  CHECK(parse_publish_url("nats://a/tcp?ca=system", url).empty());
  CHECK(url.tls);
  CHECK(parse_publish_url("kafka://a:9092/tcp?ca=system&credentials=/run/c", url).empty());
  CHECK(url.path == "tcp");
}

TEST_CASE("what is no URL of a target is refused, and not repeated") {
  for (const std::string_view text : {"",
                                      "file:",
                                      "file:/",
                                      "file:folder",
                                      "file://host",
                                      "file:/a\nb",
                                      "/srv",
                                      "http://h/secret",
                                      "ftp://h/secret",
                                      "https://",
                                      "https:///secret",
                                      "https://h:0/secret",
                                      "https://h:x/secret",
                                      "https://h,i/secret",
                                      "https://user:secret@h/",
                                      "https://user@h/",
                                      "https://h/a b",
                                      "https://h/secret#part",
                                      "https://h/?token=secret",
                                      "https://h/?secret",
                                      "https://h/?ca=secret",
                                      "https://h/?ca=/a&ca=/b",
                                      "https://[]/secret",
                                      "https://[::1/secret",
                                      "https://[::1]x80/secret",
                                      "https://[::1]:/secret",
                                      "nats://h",
                                      "nats://h/",
                                      "nats://h/secret.*",
                                      "nats://h/secret.>",
                                      "nats://h/.secret",
                                      "nats://h/a..secret",
                                      "nats://,/secret",
                                      "nats://u:secret@h/s",
                                      "kafka://h",
                                      "kafka://h/.",
                                      "kafka://h/..",
                                      "kafka://h/secret/b",
                                      "kafka://h/secret?credentials=/run/secret"}) {
    INFO(text);
    publish_url url;
    const std::string wrong = parse_publish_url(text, url);
    CHECK_FALSE(wrong.empty());
    CHECK(wrong.find("secret") == std::string::npos);
  }
}

TEST_CASE("credentials that everybody may read are refused") {
  const scratch_directory scratch;
  const std::string path = (scratch.path() / "credentials").string();
  std::string read;
  CHECK(read_secret(path, read).find(path) == 0);
  std::ofstream(path) << "Authorization: x\n";
  REQUIRE(::chmod(path.c_str(), 0640) == 0);
  CHECK(read_secret(path, read).empty());
  CHECK(read == "Authorization: x\n");
  for (const mode_t mode : {0644U, 0642U}) {
    REQUIRE(::chmod(path.c_str(), mode) == 0);
    const std::string wrong = read_secret(path, read);
    CHECK(wrong.find("everybody may") != std::string::npos);
    CHECK(wrong.find("Authorization") == std::string::npos);
  }
  REQUIRE(::chmod(path.c_str(), 0600) == 0);
  std::ofstream(path) << std::string(65537, 'x');
  CHECK(read_secret(path, read).find("64 KiB") != std::string::npos);
  CHECK(read_secret(scratch.path().string(), read).find("no regular file") != std::string::npos);
}
