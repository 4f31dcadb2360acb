// SPDX-License-Identifier: Apache-2.0
//
// What tcpinfo-dump can do: each verb declares its flags and hands over to lib/offline. Arguments
// are those behind the verb. @return the exit status.
#ifndef TCPINFO_TOOLS_TCPINFO_DUMP_VERBS_H
#define TCPINFO_TOOLS_TCPINFO_DUMP_VERBS_H

#include <string>
#include <vector>

namespace tcpinfo::tools {

/// tcpinfo-dump FILE…
int dump_files(std::vector<std::string> arguments);
int dump_ask(std::vector<std::string> arguments);
int dump_compare(std::vector<std::string> arguments);
int dump_erase(std::vector<std::string> arguments);
int dump_follow(std::vector<std::string> arguments);
int dump_get(std::vector<std::string> arguments);
int dump_ls(std::vector<std::string> arguments);
int dump_live(std::vector<std::string> arguments);
int dump_pack(std::vector<std::string> arguments);
int dump_plot(std::vector<std::string> arguments);
int dump_summary(std::vector<std::string> arguments);
int dump_top(std::vector<std::string> arguments);
int dump_unpack(std::vector<std::string> arguments);
int dump_verify(std::vector<std::string> arguments);
int dump_why(std::vector<std::string> arguments);

}  // namespace tcpinfo::tools

#endif
