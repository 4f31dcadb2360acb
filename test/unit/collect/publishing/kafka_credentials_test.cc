// SPDX-License-Identifier: Apache-2.0
//
// What a file of credentials for Kafka may hold.
#include "collect/publishing/kafka_credentials.h"

#include "unit/catch.h"

using namespace tcpinfo::collect;

TEST_CASE("a user or a certificate for Kafka is read, and protected on its way") {
  kafka_settings read;
  CHECK(read_kafka_credentials("# for the fleet\nsasl.mechanism=PLAIN\r\nsasl.username=u\n\n"
                               "sasl.password=a=b \n",
                               read)
            .empty());
  CHECK(read == kafka_settings{{"sasl.mechanism", "PLAIN"},
                               {"sasl.username", "u"},
                               {"sasl.password", "a=b "},
                               {"security.protocol", "sasl_ssl"}});
  read.clear();
  CHECK(read_kafka_credentials("ssl.certificate.location=/c\nssl.key.location=/k", read).empty());
  CHECK(read.back() == std::pair<std::string, std::string>{"security.protocol", "ssl"});
}

TEST_CASE("what is no credential for Kafka is refused, and not repeated") {
  const std::string user = "sasl.mechanism=PLAIN\nsasl.username=u\nsasl.password=secret\n";
  for (const std::string& text :
       {std::string(), std::string("# none\n"), std::string("secret\n"), user + "secret\n",
        user + "enable.ssl.certificate.verification=secret\n", user + "security.protocol=secret\n",
        user + "sasl.password=secret\n", user + "ssl.key.password=\n",
        user + "ssl.key.location=/secret\n", std::string("sasl.mechanism=secret\n"),
        std::string("sasl.mechanism=secret\nsasl.username=u\nsasl.password=p\n"),
        std::string("ssl.key.password=secret\n")}) {
    INFO(text);
    kafka_settings read;
    const std::string wrong = read_kafka_credentials(text, read);
    CHECK_FALSE(wrong.empty());
    CHECK(wrong.find("secret") == std::string::npos);
    CHECK(read.empty());
  }
}
