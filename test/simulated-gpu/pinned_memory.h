#pragma once

#include <c10/core/Allocator.h>
#include <c10/core/Stream.h>

namespace simulated {

c10::Allocator& page_locked_allocator();
bool is_page_locked(const void* address);
// Records that a stream uses the page-locked memory of this tensor's data; false if it is not page-locked.
bool record_use(const c10::DataPtr& data, c10::Stream stream);

}  // namespace simulated
