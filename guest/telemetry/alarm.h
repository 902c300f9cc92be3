// SPDX-License-Identifier: Apache-2.0
// A signal that comes again and again, so that a receive which waits for a notified call is broken off.
//
// One that comes between two calls breaks off nothing; the next one does. It makes whatever else waits or takes a lock
// say EINTR as well: whoever calls while it runs tries again.
#pragma once

namespace guest {

// Blocks every signal but the alarm's, which from now on interrupts. Negative errno or 0; before the filter is in
// force.
long PrepareAlarm();
// False: the kernel gave none.
bool StartAlarm(long every_us);
void StopAlarm();

}  // namespace guest
