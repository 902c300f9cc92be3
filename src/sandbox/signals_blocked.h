// SPDX-License-Identifier: Apache-2.0
// Around a clone: all signals wait, so that no handler of ours runs in the child.
#pragma once

#include <signal.h>

namespace sandbox {

class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

}  // namespace sandbox
