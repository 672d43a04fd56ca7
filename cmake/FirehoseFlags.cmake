# SPDX-License-Identifier: Apache-2.0
# firehose::flags carries what every target of ours is compiled with.
add_library(firehose_flags INTERFACE)
add_library(firehose::flags ALIAS firehose_flags)
target_compile_options(firehose_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror
  # Designated initialisers leave the rest at their defaults; that is what they are for.
  -Wno-missing-field-initializers)
target_compile_definitions(firehose_flags INTERFACE _GLIBCXX_ASSERTIONS)
target_link_libraries(firehose_flags INTERFACE Threads::Threads)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  # g++ 12 reports false positives inside libstdc++ when it inlines deeply.
  target_compile_options(firehose_flags INTERFACE
    -Wno-restrict -Wno-stringop-overflow -Wno-array-bounds -Wno-maybe-uninitialized)
endif()
if(FIREHOSE_SANITIZE)
  target_compile_options(firehose_flags INTERFACE
    -fsanitize=${FIREHOSE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(firehose_flags INTERFACE -fsanitize=${FIREHOSE_SANITIZE})
endif()
