# Installs into a fresh prefix, moves the prefix, and runs what is in it from elsewhere: the same
# bytes as those of the program in the build tree. Then builds and runs a user of the library.
#
# BUILD is the build tree, PROGRAM the program there, MODEL a checkpoint, MODULE the module's place
# below the prefix (empty: a single file), CONSUMER the source of the user (empty: left out), to be
# built by GENERATOR and COMPILER.
cmake_minimum_required(VERSION 3.25)
set(work ${BUILD}/install-test)
file(REMOVE_RECURSE ${work})
file(MAKE_DIRECTORY ${work}/elsewhere)

function(run)
  execute_process(COMMAND ${ARGN} WORKING_DIRECTORY ${work}/elsewhere COMMAND_ERROR_IS_FATAL ANY)
endfunction()

function(expect_same_files expected actual)
  file(GLOB names RELATIVE ${expected} ${expected}/*)
  list(LENGTH names count)
  if(NOT count EQUAL 3)
    message(FATAL_ERROR "expected three files in ${expected}: ${names}")
  endif()
  foreach(name IN LISTS names)
    run(${CMAKE_COMMAND} -E compare_files ${expected}/${name} ${actual}/${name})
  endforeach()
endfunction()

run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${work}/first)
set(prefix "${work}/a moved prefix")
file(RENAME ${work}/first ${prefix})

run(${PROGRAM} --quiet --model ${MODEL} --out ${work}/expected)
run(${prefix}/bin/gamma-extract --quiet --model ${MODEL} --out ${work}/installed)
expect_same_files(${work}/expected ${work}/installed)

# Nothing of it leads back into the build tree.
file(GLOB_RECURSE binaries ${prefix}/bin/* ${prefix}/*.so)
foreach(binary IN LISTS binaries)
  execute_process(COMMAND readelf --dynamic ${binary} OUTPUT_VARIABLE dynamic
    COMMAND_ERROR_IS_FATAL ANY)
  string(FIND "${dynamic}" "${BUILD}" place)
  if(NOT place EQUAL -1)
    message(FATAL_ERROR "${binary} has the build tree in its RUNPATH")
  endif()
endforeach()

if(CONSUMER)
  run(${CMAKE_COMMAND} -S ${CONSUMER} -B ${work}/consumer -G ${GENERATOR}
    -DCMAKE_CXX_COMPILER=${COMPILER} -DCMAKE_PREFIX_PATH=${prefix})
  run(${CMAKE_COMMAND} --build ${work}/consumer)
  run(${work}/consumer/consumer ${MODEL} ${work}/consumed)
  expect_same_files(${work}/expected ${work}/consumed)
endif()

if(MODULE)
  file(REMOVE ${prefix}/${MODULE})
  execute_process(
    COMMAND ${prefix}/bin/gamma-extract --model ${MODEL} --out ${work}/none --device cuda
    RESULT_VARIABLE code ERROR_VARIABLE error)
  if(NOT code EQUAL 2 OR NOT error MATCHES "gamma-extract-matrix.so" OR EXISTS ${work}/none)
    message(FATAL_ERROR "without the module: exit code ${code}, ${error}")
  endif()
endif()
file(REMOVE_RECURSE ${work})
