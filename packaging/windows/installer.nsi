; The installer of Windows: for whoever runs it, without the rights of an administrator.
;
;   makensis -DVERSION=1.2.3 -DBUNDLE=folder -DICON=file.ico -DOUTPUT=setup.exe installer.nsi
;
; BUNDLE is the folder that packaging/bundle.sh made. Silent: setup.exe /S, and uninstall.exe /S.

Unicode true
ManifestDPIAware true
SetCompressor /SOLID lzma
RequestExecutionLevel user

!include MUI2.nsh
!include x64.nsh
!include FileFunc.nsh

!define NAME "Aether Desktop"
!define FOLDER "Aether Desktop"
!define UNINSTALL "Software\Microsoft\Windows\CurrentVersion\Uninstall\AetherDesktop"
!define PROGID "AetherDesktop.Store"

Name "${NAME}"
OutFile "${OUTPUT}"
InstallDir "$LOCALAPPDATA\Programs\${FOLDER}"
InstallDirRegKey HKCU "${UNINSTALL}" "InstallLocation"
BrandingText "${NAME} ${VERSION}"
VIProductVersion "${VERSION}.0"
VIAddVersionKey ProductName "${NAME}"
VIAddVersionKey ProductVersion "${VERSION}"
VIAddVersionKey FileVersion "${VERSION}"
VIAddVersionKey FileDescription "Installer of ${NAME}"
VIAddVersionKey LegalCopyright "The Aether Desktop authors; MIT"

!define MUI_ICON "${ICON}"
!define MUI_UNICON "${ICON}"
!define MUI_FINISHPAGE_RUN "$INSTDIR\aether-desktop.exe"
!define MUI_FINISHPAGE_RUN_TEXT "Start ${NAME}"
!insertmacro MUI_PAGE_LICENSE "${LICENSE}"
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_COMPONENTS
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE "English"

Function .onInit
  ${IfNot} ${RunningX64}
    MessageBox MB_OK|MB_ICONSTOP "${NAME} needs a 64-bit Windows." /SD IDOK
    Abort
  ${EndIf}
FunctionEnd

; A program that runs holds its files: ask rather than leave half of an old and half of a new version.
!macro WAIT_UNTIL_CLOSED
  retry:
  ${If} ${FileExists} "$INSTDIR\aether-desktop.exe"
    ClearErrors
    FileOpen $0 "$INSTDIR\aether-desktop.exe" a
    ${If} ${Errors}
      MessageBox MB_RETRYCANCEL|MB_ICONEXCLAMATION "${NAME} is running. Close it, then try again." /SD IDCANCEL IDRETRY retry
      Abort
    ${EndIf}
    FileClose $0
  ${EndIf}
!macroend

Section "${NAME}" main
  SectionIn RO
  !insertmacro WAIT_UNTIL_CLOSED
  ; What an older version had and this one has not must not stay beside it.
  RMDir /r "$INSTDIR\_internal"
  SetOutPath "$INSTDIR"
  File /r "${BUNDLE}/*.*"
  File "/oname=aether.ico" "${ICON}"
  WriteUninstaller "$INSTDIR\uninstall.exe"

  CreateShortcut "$SMPROGRAMS\${NAME}.lnk" "$INSTDIR\aether-desktop.exe" "" "$INSTDIR\aether.ico"

  WriteRegStr HKCU "Software\Classes\.aether" "" "${PROGID}"
  WriteRegStr HKCU "Software\Classes\.aether" "Content Type" "application/x-aether"
  WriteRegStr HKCU "Software\Classes\${PROGID}" "" "Aether event store"
  WriteRegStr HKCU "Software\Classes\${PROGID}\DefaultIcon" "" "$INSTDIR\aether.ico"
  WriteRegStr HKCU "Software\Classes\${PROGID}\shell\open\command" "" '"$INSTDIR\aether-desktop.exe" "%1"'
  WriteRegStr HKCU "Software\Classes\aether" "" "URL:${NAME}"
  WriteRegStr HKCU "Software\Classes\aether" "URL Protocol" ""
  WriteRegStr HKCU "Software\Classes\aether\DefaultIcon" "" "$INSTDIR\aether.ico"
  WriteRegStr HKCU "Software\Classes\aether\shell\open\command" "" '"$INSTDIR\aether-desktop.exe" "%1"'
  ; `aether` in the Run box and in a shell that starts programs by App Paths.
  WriteRegStr HKCU "Software\Microsoft\Windows\CurrentVersion\App Paths\aether.exe" "" "$INSTDIR\aether.exe"
  WriteRegStr HKCU "Software\Microsoft\Windows\CurrentVersion\App Paths\aether-desktop.exe" "" "$INSTDIR\aether-desktop.exe"

  WriteRegStr HKCU "${UNINSTALL}" "DisplayName" "${NAME}"
  WriteRegStr HKCU "${UNINSTALL}" "DisplayVersion" "${VERSION}"
  WriteRegStr HKCU "${UNINSTALL}" "DisplayIcon" "$INSTDIR\aether.ico"
  WriteRegStr HKCU "${UNINSTALL}" "Publisher" "The Aether Desktop authors"
  WriteRegStr HKCU "${UNINSTALL}" "InstallLocation" "$INSTDIR"
  WriteRegStr HKCU "${UNINSTALL}" "UninstallString" '"$INSTDIR\uninstall.exe"'
  WriteRegStr HKCU "${UNINSTALL}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
  WriteRegDWORD HKCU "${UNINSTALL}" "NoModify" 1
  WriteRegDWORD HKCU "${UNINSTALL}" "NoRepair" 1
  ${GetSize} "$INSTDIR" "/S=0K" $0 $1 $2
  WriteRegDWORD HKCU "${UNINSTALL}" "EstimatedSize" $0
  ; Explorer shows the new type of files at once: SHChangeNotify(SHCNE_ASSOCCHANGED, …).
  System::Call 'shell32::SHChangeNotify(i 0x08000000, i 0, p 0, p 0)'
SectionEnd

Section /o "Shortcut on the desktop" desktop
  CreateShortcut "$DESKTOP\${NAME}.lnk" "$INSTDIR\aether-desktop.exe" "" "$INSTDIR\aether.ico"
SectionEnd

Section "Uninstall"
  !insertmacro WAIT_UNTIL_CLOSED
  ; Only what was installed: the folder may be one that somebody chose, with files of his own.
  RMDir /r "$INSTDIR\_internal"
  Delete "$INSTDIR\aether-desktop.exe"
  Delete "$INSTDIR\aether.exe"
  Delete "$INSTDIR\aether-worker.exe"
  Delete "$INSTDIR\aether.ico"
  Delete "$INSTDIR\LICENCES.txt"
  Delete "$INSTDIR\uninstall.exe"
  RMDir "$INSTDIR"
  Delete "$SMPROGRAMS\${NAME}.lnk"
  Delete "$DESKTOP\${NAME}.lnk"

  ReadRegStr $0 HKCU "Software\Classes\.aether" ""
  ${If} $0 == "${PROGID}"
    DeleteRegKey HKCU "Software\Classes\.aether"
  ${EndIf}
  DeleteRegKey HKCU "Software\Classes\${PROGID}"
  DeleteRegKey HKCU "Software\Classes\aether"
  DeleteRegKey HKCU "Software\Microsoft\Windows\CurrentVersion\App Paths\aether.exe"
  DeleteRegKey HKCU "Software\Microsoft\Windows\CurrentVersion\App Paths\aether-desktop.exe"
  DeleteRegKey HKCU "${UNINSTALL}"
  System::Call 'shell32::SHChangeNotify(i 0x08000000, i 0, p 0, p 0)'
SectionEnd
