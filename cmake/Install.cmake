# What `cmake --install` puts where: the program, its module, and the library with a CMake package.
# The tree may be moved afterwards: whatever is in it finds the rest from where it stands itself.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/gamma-extract)

install(TARGETS gamma-extract RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
if(GAMMA_EXTRACT_MODULE)
  set(module_dir ${CMAKE_INSTALL_LIBDIR}/gamma-extract)
  file(RELATIVE_PATH module_from_program
    ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR}/gamma-extract)
  install(TARGETS gamma_extract_matrix LIBRARY DESTINATION ${module_dir})
  set_target_properties(gamma-extract PROPERTIES INSTALL_RPATH "$ORIGIN/${module_from_program}")
  # A wheel's libtorch is found where it was when the module was linked.
  set_target_properties(gamma_extract_matrix PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)
  # The library opens the module by the RUNPATH of whatever it is linked into.
  target_link_options(gamma_extract_core INTERFACE
    "$<INSTALL_INTERFACE:LINKER:-rpath,$<INSTALL_PREFIX>/${module_dir}>")
else()
  set_target_properties(gamma-extract PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)
endif()
install(TARGETS gamma_extract_core EXPORT gamma-extract-targets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/gamma_extract DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES README.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

install(EXPORT gamma-extract-targets NAMESPACE gamma-extract:: DESTINATION ${package_dir})
configure_package_config_file(cmake/gamma-extract-config.cmake.in gamma-extract-config.cmake
  INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(gamma-extract-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES
  ${PROJECT_BINARY_DIR}/gamma-extract-config.cmake
  ${PROJECT_BINARY_DIR}/gamma-extract-config-version.cmake
  cmake/FindTorchCpu.cmake
  cmake/FindXxHash.cmake
  DESTINATION ${package_dir})
