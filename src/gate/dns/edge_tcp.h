// SPDX-License-Identifier: Apache-2.0
// Questions by stream: two-byte frames, many on one connection, with bounds that hold against slow and silent clients.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "gate/dns/edge.h"
#include "gate/loop.h"

namespace gate::dns {

struct TcpEdgeLimits {
  std::uint32_t clients = 64;
  std::chrono::milliseconds idle{30000};     // nothing asked, nothing owed
  std::chrono::milliseconds message{2000};   // from a frame's first byte to its last
  std::chrono::milliseconds unread{5000};    // an answer that the client does not take
};

class TcpEdge final : public Loop::Watcher {
 public:
  struct Counters {
    std::uint64_t accepted = 0, turned_away = 0, made_room = 0, timed_out = 0;
  };
  class Observer {
   public:
    virtual void OnClientCut(const Asker& asker) = 0;  // turned away, or closed to make room for another

   protected:
    ~Observer() = default;
  };

  // Listeners as in ProxySockets; -1: absent.
  TcpEdge(Loop& loop, QuestionSink& sink, Observer& observer, int listener4, int listener6, TcpEdgeLimits limits);
  ~TcpEdge();
  base::Result<> Start();

  // For a question that was held: the answer, or (kClose) the end. Nothing when the client is gone.
  void Answer(const Asker& asker, std::span<const std::uint8_t> message);
  void Flush();  // what was answered in this round leaves

  const Counters& counters() const { return counters_; }
  std::size_t clients() const { return live_; }

 private:
  struct Client {
    base::UniqueFd fd;
    std::uint32_t generation = 0;
    Asker asker;
    std::vector<std::uint8_t> in;    // bytes of frames not yet whole, or not yet asked
    std::vector<std::uint8_t> out;
    std::size_t sent = 0;            // of out
    std::uint32_t owed = 0;          // questions held
    std::uint32_t watched = 0;       // events
    base::BootTime since{0};         // last question asked or answer taken
    base::BootTime frame{0};         // when the frame at the front began; 0: none
    base::BootTime stuck{0};         // since when the client takes nothing; 0: it does
    bool ended = false;              // the client sends no more
    bool closing = false;            // nothing more is read; closed once all is sent
    bool dirty = false;              // on dirty_
  };
  void OnReady(int fd, std::uint32_t events) override;
  void AcceptAll(int listener, bool v6);
  void Pause(int listener);
  bool MakeRoom();
  void Admit(base::UniqueFd fd, const Asker& asker);
  void Read(std::uint32_t slot);
  std::size_t TakeFrames(Client& client, std::span<const std::uint8_t> bytes);
  void TakeStored(Client& client);
  void TimeFrame(Client& client, bool progressed);
  bool Send(Client& client);
  void Settle(std::uint32_t slot);
  void Close(std::uint32_t slot);
  void MarkDirty(std::uint32_t slot);
  void Sweep();

  Loop& loop_;
  QuestionSink& sink_;
  Observer& observer_;
  int listener4_, listener6_;
  TcpEdgeLimits limits_;
  Counters counters_;
  std::vector<Client> clients_;          // slots
  std::vector<std::uint32_t> slot_of_;   // by descriptor
  std::vector<std::uint32_t> free_, dirty_;
  std::vector<std::uint8_t> scratch_;
  std::size_t live_ = 0;
  Loop::TimerId sweep_ = 0, resume_ = 0;
};

}  // namespace gate::dns
