// SPDX-License-Identifier: Apache-2.0
// A gate that says what a test lets it say. Orders come over the socket that would bring the cell's listeners, one a
// packet, and each is answered there by "." once it is done:
//   r…   sends the rest as a packet of records        d…   sends the rest to the dialler
//   n…   a number of 32 bits and one record: sends the record so many times
//   p…   the same as r, and a descriptor with it       x    ends
//   a…   keeps the rest: a packet of records for whenever a command of the supervisor's comes
// A command goes back over the same socket, behind a "c", before it is answered.
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <vector>

#include "wire/gate_config.h"
#include "wire/gate_record.h"

namespace {

std::string g_answer;

void PassDescriptor(char* bytes, std::size_t size) {
  const int fd = STDIN_FILENO;
  iovec data = {bytes, size};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {};
  const msghdr message = {nullptr, 0, &data, 1, control, sizeof control, 0};
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  memcpy(CMSG_DATA(header), &fd, sizeof fd);
  sendmsg(wire::kGateRecordsFd, &message, MSG_NOSIGNAL);
}

void Repeat(const char* order, std::size_t size) {
  std::uint32_t left = 0;
  if (size != sizeof left + sizeof(wire::GateRecord)) _exit(3);
  memcpy(&left, order, sizeof left);
  std::vector<char> packet;
  for (std::size_t i = 0; i < wire::kMaxRecordsPerPacket; ++i) {
    packet.insert(packet.end(), order + sizeof left, order + size);
  }
  while (left > 0) {
    const std::uint32_t count = left < wire::kMaxRecordsPerPacket ? left : wire::kMaxRecordsPerPacket;
    if (send(wire::kGateRecordsFd, packet.data(), count * sizeof(wire::GateRecord), MSG_NOSIGNAL) < 0) _exit(4);
    left -= count;
  }
}

void Obey(char* order, std::size_t size) {
  switch (order[0]) {
    case 'r': send(wire::kGateRecordsFd, order + 1, size - 1, MSG_NOSIGNAL); break;
    case 'd': send(wire::kGateDialFd, order + 1, size - 1, MSG_NOSIGNAL); break;
    case 'p': PassDescriptor(order + 1, size - 1); break;
    case 'a': g_answer.assign(order + 1, size - 1); break;
    case 'n': Repeat(order + 1, size - 1); break;
    default: _exit(0);
  }
  send(wire::kGateCellFd, ".", 1, MSG_NOSIGNAL);
}

}  // namespace

int main() {
  static char bytes[1 << 16];
  pollfd waits[] = {{wire::kGateCellFd, POLLIN, 0}, {wire::kGateRecordsFd, POLLIN, 0}};
  while (poll(waits, 2, -1) > 0) {
    if (waits[0].revents != 0) {
      const ssize_t size = recv(wire::kGateCellFd, bytes, sizeof bytes, 0);
      if (size <= 0) return 0;
      Obey(bytes, static_cast<std::size_t>(size));
    }
    if (waits[1].revents != 0) {
      bytes[0] = 'c';
      const ssize_t size = recv(wire::kGateRecordsFd, bytes + 1, sizeof bytes - 1, 0);
      if (size <= 0) return 0;
      send(wire::kGateCellFd, bytes, static_cast<std::size_t>(size) + 1, MSG_NOSIGNAL);
      if (!g_answer.empty()) send(wire::kGateRecordsFd, g_answer.data(), g_answer.size(), MSG_NOSIGNAL);
    }
  }
  return 1;
}
